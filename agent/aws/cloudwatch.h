#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "aws/api_call.h"
#include "aws/metric.h"
#include "aws/metric_buffer.h"
#include "aws/metric_store.h"
#include "aws/skewed_clock.h"
#include "base/status.h"
#include "http/pending_call.h"
#include <boost/asio/io_context.hpp>

namespace faultd {

// Publishes metrics to CloudWatch: samples are gathered by series and minute and sent once a
// minute. While CloudWatch cannot be reached they are kept, also over a restart of the daemon, and
// sent afterwards with their times. Adding never waits for anything.
class CloudWatchPublisher {
 public:
  struct Options {
    std::chrono::nanoseconds interval = std::chrono::minutes(1);
    std::chrono::nanoseconds keep = std::chrono::minutes(15);
    size_t max_datums = 40'000;  // kept at most: a minute of a series, about 100 bytes each
    std::string file;            // keeps them over a restart; empty: nothing does
    std::string boot_id;
  };
  struct Statistics {
    uint64_t sent = 0;     // datums
    uint64_t dropped = 0;  // too old, too many, or refused as invalid
    uint64_t requests = 0;
    size_t waiting = 0;
    Status last;  // of the last request
  };

  CloudWatchPublisher(boost::asio::io_context& context, std::shared_ptr<ApiClient> api,
                      std::shared_ptr<const SkewedClock> clock, Options options);

  // Takes up what a former process has left and begins to publish, at a random moment within the
  // first interval.
  void Start();
  // Ends and keeps in the file what has not been sent. For the end of the daemon.
  Status Stop();

  // The name space must have passed CheckNamespace; all else is made fit. Values that CloudWatch
  // does not take are dropped.
  void Add(MetricSample sample);

  Statistics statistics() const;

 private:
  struct State;
  static boost::asio::awaitable<Status> Run(std::shared_ptr<State> state);
  static boost::asio::awaitable<void> Flush(std::shared_ptr<State> state);
  static boost::asio::awaitable<Status> Send(std::shared_ptr<State> state, size_t* limit);
  static Status TakeUp(State& state, const std::string& document);
  static void Keep(State& state);

  std::shared_ptr<State> state_;
  PendingCall run_;
};

}  // namespace faultd

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "http/pending_call.h"
#include "publish/metric_sink.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

namespace faultd {

// Samples go to the CloudWatch agent of this host in the embedded metric format, for those who want
// no calls of AWS from here. By UDP each is sent at once, and lost when nobody listens; by TCP
// samples wait while there is no connection, up to a number.
class EmfSink final : public MetricSink {
 public:
  struct Options {
    std::string name_space;
    boost::asio::ip::address address = boost::asio::ip::address_v4::loopback();
    uint16_t port = 25888;
    bool tcp = false;
    std::string log_group;        // empty: the agent's default
    size_t max_waiting = 10'000;  // samples; the oldest are dropped
  };

  // `context` and `clock` must outlive it.
  EmfSink(boost::asio::io_context& context, const Clock& clock, Options options);
  ~EmfSink() override;

  void Add(MetricSample sample) override;

  uint64_t sent() const;
  uint64_t dropped() const;

 private:
  struct State;
  static void SendDatagram(State& state, const std::string& line);
  static boost::asio::awaitable<Status> SendQueue(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
  PendingCall sending_;
};

}  // namespace faultd

#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <string>

#include "aws/ec2_tags.h"
#include "aws/metric_store.h"
#include "base/clock.h"
#include "engine/loop.h"
#include "publish/metric_sink.h"

namespace faultd {

// Puts the dimension Host, this host's name, in front of the others of each sample. Samples wait
// while the name is being found rather than go out under another one, which would be another metric
// than the one that alarms look at.
//
// The Name tag is kept in a file, for a start while a fault or an outage hides it. What stands in
// for it is used at once where the instance has no tag or may not read it, else only when the tag
// could not be found for `patience`; the tag is then looked for again now and then, as long as
// there are samples.
class HostDimension final : public MetricSink {
 public:
  using Find = std::function<PendingCall(std::function<void(StatusOr<InstanceName>)>)>;
  struct Options {
    std::string name;  // as configured; empty: it is found
    std::string file;
    std::chrono::nanoseconds patience = std::chrono::minutes(5);
    size_t max_waiting = 10'000;  // samples; the oldest are dropped
  };

  // All but the options must outlive it.
  HostDimension(Loop& loop, const Clock& clock, MetricSink& next, Find find, Options options);
  ~HostDimension() override;

  void Start();
  void Add(MetricSample sample) override;

  // Empty while it is not known.
  const std::string& name() const { return name_; }

 private:
  void Look();
  void Found(const StatusOr<InstanceName>& found);
  void Use(const std::string& name);

  Loop& loop_;
  const Clock& clock_;
  MetricSink& next_;
  const Find find_;
  const Options options_;
  MetricStore store_;
  std::string name_;
  std::string kept_;  // in the file
  bool final_ = false;
  bool looking_ = false;
  int looks_ = 0;
  BootTime first_look_{};
  BootTime next_look_{};
  Loop::TimerId timer_ = Loop::kNoTimer;
  PendingCall call_;
  std::deque<MetricSample> waiting_;
};

}  // namespace faultd

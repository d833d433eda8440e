#pragma once

#include <string_view>

#include "base/clock.h"
#include "engine/engine.h"
#include "publish/fault_tally.h"
#include "publish/metric_sink.h"

namespace faultd {

// The faults of this host as samples with the dimension Kind: FaultActive (how many),
// LeaseRemaining (Seconds, the longest of the kind) when a fault begins, every 10 s while there is
// one and when one ends, then 0 where it was the last; FaultsReverted, 1 at each end. Without
// faults it does nothing.
class FaultMetrics {
 public:
  // All must outlive it.
  FaultMetrics(Engine& engine, Loop& loop, const Clock& clock, MetricSink& sink);
  ~FaultMetrics();
  FaultMetrics(const FaultMetrics&) = delete;
  FaultMetrics& operator=(const FaultMetrics&) = delete;

 private:
  void Note(const v1::Fault& fault);
  void Report(std::string_view kind);
  void ReportAll();
  void Add(std::string_view name, std::string_view kind, double value, std::string_view unit);

  Engine& engine_;
  Loop& loop_;
  const Clock& clock_;
  MetricSink& sink_;
  FaultTally tally_;
  Loop::TimerId timer_ = Loop::kNoTimer;
  Engine::WatchId watch_;
};

}  // namespace faultd

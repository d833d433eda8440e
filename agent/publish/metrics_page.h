#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "aws/cloudwatch.h"
#include "base/clock.h"
#include "probe/probes.h"
#include "publish/fault_tally.h"

namespace faultd {

// What is behind /metrics, gathered as it happens.
class MetricsPage {
 public:
  void Note(const v1::Fault& fault, BootTime now) { faults_.Note(fault, now); }
  void Note(const ProbeHistory& history);

  // In the text format of Prometheus. `cloudwatch` when metrics are published there.
  std::string Render(BootTime now,
                     const std::optional<CloudWatchPublisher::Statistics>& cloudwatch) const;

 private:
  struct Probe {
    std::string target;
    bool up = false;
    double latency_s = 0;  // of the last answer
    uint64_t ups = 0;
    uint64_t downs = 0;
  };
  std::map<std::string, Probe> probes_;
  FaultTally faults_;
};

}  // namespace faultd

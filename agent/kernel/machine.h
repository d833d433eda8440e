#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace faultd {

struct MemoryFacts {
  uint64_t total = 0;      // bytes: of the host, or the limit of the cgroup if that is less
  uint64_t available = 0;  // bytes: MemAvailable, or what the cgroup's limit leaves if that is less
  friend bool operator==(const MemoryFacts&, const MemoryFacts&) = default;
};

// What the host has to offer: cores and memory. Only reads.
class Machine {
 public:
  virtual ~Machine() = default;
  // Numbers of the cores that this process may use: online, in its affinity and cpuset. In order.
  virtual StatusOr<std::vector<int>> UsableCores() = 0;
  // How many cores' worth of time its cgroups allow (cpu.max); 0: no limit.
  virtual StatusOr<double> CpuQuota() = 0;
  virtual StatusOr<MemoryFacts> Memory() = 0;
};

std::unique_ptr<Machine> OpenMachine();

}  // namespace faultd

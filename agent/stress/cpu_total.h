#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "base/status.h"
#include "stress/cpu_core.h"
#include "stress/cpu_thread.h"

namespace faultd {

// Mode total: works out, for each core, what others leave of the target. Stopped by the destructor.
class CpuTotal {
 public:
  using Cores = std::vector<std::unique_ptr<CpuCore>>;
  using Shares = std::vector<std::atomic<double>>;

  // `target`: share of each core's time that is to be in use. What the thread of each core is to
  // take is put into `left`. Cores and shares, in the same order, must outlive this.
  static StatusOr<std::unique_ptr<CpuTotal>> Start(CpuCore::Share target, const Cores& cores,
                                                   Shares& left);
  ~CpuTotal() { stop_ = true; }

 private:
  CpuTotal() = default;
  void Run(const CpuCore::Share& target, const Cores& cores, Shares& left) const;

  std::atomic<bool> stop_ = false;
  std::unique_ptr<CpuThread> thread_;
};

}  // namespace faultd

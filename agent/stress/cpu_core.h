#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "base/status.h"
#include "faultd/v1/stress.pb.h"
#include "stress/cpu_thread.h"

namespace faultd {

// Takes a share of one core's time, with a thread that runs nowhere else: while the core is offline
// or taken from this process, it takes nothing. Stopped by the destructor.
class CpuCore {
 public:
  // The share to take, 0 to 1, at a time on CLOCK_MONOTONIC. Called on the thread.
  using Share = std::function<double(std::chrono::nanoseconds now)>;

  // `longest_debt` as for DutyCycle. Errors name the core.
  static StatusOr<std::unique_ptr<CpuCore>> Load(int number, v1::CpuPriority priority,
                                                 std::chrono::nanoseconds longest_debt,
                                                 Share share);
  ~CpuCore();

  int number() const { return number_; }
  // CPU time taken so far.
  std::chrono::nanoseconds used() const { return thread_->used(); }

 private:
  explicit CpuCore(int number) : number_(number) {}
  void Run(std::chrono::nanoseconds longest_debt, const Share& share);

  const int number_;
  std::atomic<bool> stop_ = false;
  std::unique_ptr<CpuThread> thread_;
};

}  // namespace faultd

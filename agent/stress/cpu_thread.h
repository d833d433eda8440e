#pragma once

#include <pthread.h>
#include <time.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "base/status.h"

namespace faultd {

// A thread whose CPU time others can read; joined by the destructor.
class CpuThread {
 public:
  // `core`: the only one to run on; none: anywhere. FAILED_PRECONDITION when it is not there for
  // this process, RESOURCE_EXHAUSTED when there can be no more threads.
  static StatusOr<std::unique_ptr<CpuThread>> Start(std::optional<int> core,
                                                    std::function<void()> body);
  ~CpuThread();
  CpuThread(const CpuThread&) = delete;
  CpuThread& operator=(const CpuThread&) = delete;

  // CPU time so far. From any thread.
  std::chrono::nanoseconds used() const;
  // From now on it gets only what nobody else wants (SCHED_IDLE, sched(7)).
  Status MakeIdle();

 private:
  explicit CpuThread(std::function<void()> body) : body_(std::move(body)) {}
  static void* Main(void* self);

  const std::function<void()> body_;
  pthread_t thread_{};  // 0: not started
};

// Binds the calling thread to a core again that it was moved from.
Status PinTo(int core);

// Times on CLOCK_MONOTONIC.
std::chrono::nanoseconds MonotonicNow();
void SleepUntil(std::chrono::nanoseconds time);
// CPU time of the calling thread.
std::chrono::nanoseconds ThreadCpuTime();

}  // namespace faultd

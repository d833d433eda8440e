#include "stress/cpu_core.h"

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/strings.h"
#include "stress/cpu_duty_cycle.h"

namespace faultd {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kRetry = std::chrono::milliseconds(100);

// Arithmetic for some 100 ns, lest the load be nothing but reading clocks. Without the pause
// instruction, which makes a hypervisor give the core to others.
void Compute() {
  static thread_local uint64_t value = 1;
  for (int i = 0; i < 100; ++i) {
    value = value * 6364136223846793005u + 1442695040888963407u;
    asm volatile("" : "+r"(value));
  }
}

// Until the thread has used `due` of CPU time, but not beyond `end`. The clock of CPU time costs a
// system call: it is read only when by the other clock it may have come to that.
void Burn(nanoseconds due, nanoseconds end) {
  for (nanoseconds now = MonotonicNow();;) {
    const nanoseconds left = due - ThreadCpuTime();
    const nanoseconds until = std::min(now + left, end);
    if (until <= now) return;
    while ((now = MonotonicNow()) < until) Compute();
  }
}

}  // namespace

StatusOr<std::unique_ptr<CpuCore>> CpuCore::Load(int number, v1::CpuPriority priority,
                                                 nanoseconds longest_debt, Share share) {
  std::unique_ptr<CpuCore> core(new CpuCore(number));
  ASSIGN_OR_RETURN(core->thread_, CpuThread::Start(number, [self = core.get(), longest_debt,
                                                            share = std::move(share)] {
                     self->Run(longest_debt, share);
                   }));
  if (priority == v1::CPU_PRIORITY_IDLE)
    RETURN_IF_ERROR(Annotate(core->thread_->MakeIdle(), StrCat("load core ", number)));
  return core;
}

CpuCore::~CpuCore() { stop_ = true; }

void CpuCore::Run(nanoseconds longest_debt, const Share& share) {
  DutyCycle cycle(longest_debt, static_cast<uint32_t>(number_));
  while (!stop_) {
    const nanoseconds now = MonotonicNow();
    // The kernel moves a thread whose core goes away; what it would load then was not asked for.
    if (sched_getcpu() != number_ && !PinTo(number_).ok()) {
      SleepUntil(now + kRetry);
      continue;
    }
    const DutyCycle::Period period = cycle.Next(now, ThreadCpuTime(), share(now));
    Burn(period.due, period.end);
    if (MonotonicNow() < period.end) SleepUntil(period.end);
  }
}

}  // namespace faultd

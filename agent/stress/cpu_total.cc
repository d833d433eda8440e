#include "stress/cpu_total.h"

#include <algorithm>
#include <map>
#include <utility>

#include "stress/cpu_utilisation.h"

namespace faultd {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kInterval = std::chrono::milliseconds(25);

}  // namespace

StatusOr<std::unique_ptr<CpuTotal>> CpuTotal::Start(CpuCore::Share target, const Cores& cores,
                                                    Shares& left) {
  std::unique_ptr<CpuTotal> total(new CpuTotal);
  ASSIGN_OR_RETURN(
      total->thread_,
      CpuThread::Start(std::nullopt, [self = total.get(), target = std::move(target), &cores,
                                      &left] { self->Run(target, cores, left); }));
  return total;
}

void CpuTotal::Run(const CpuCore::Share& target, const Cores& cores, Shares& left) const {
  CoreUtilisation utilisation;
  std::vector<ShareOfTotal> shares(cores.size());
  std::vector<nanoseconds> used(cores.size());
  nanoseconds measured{};
  while (!stop_) {
    // Without idle times nothing is known about others: nothing is taken then.
    const nanoseconds now = MonotonicNow();
    const auto busy = utilisation.Update(ReadIdleTimes().value_or(IdleTimes{}), now);
    const nanoseconds elapsed = now - std::exchange(measured, now);
    for (size_t i = 0; i < cores.size(); ++i) {
      const nanoseconds before = std::exchange(used[i], cores[i]->used());
      const auto core = busy.find(cores[i]->number());
      if (core == busy.end()) {
        left[i] = 0;
        continue;
      }
      left[i] =
          shares[i].Update(core->second, Ratio(used[i] - before, elapsed), target(now), elapsed);
    }
    SleepUntil(now + kInterval);
  }
}

}  // namespace faultd

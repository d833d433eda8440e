#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string_view>

#include "base/status.h"

namespace faultd {

// How long each core has been idle since boot, waiting for disks included, by its number. Cores
// that are offline are not in it. In steps of 10 ms.
using IdleTimes = std::map<int, std::chrono::nanoseconds>;

// From the text of /proc/stat (proc(5)), of which `ticks_per_second` is the unit.
StatusOr<IdleTimes> ParseIdleTimes(std::string_view stat, int64_t ticks_per_second);
// Idle time is taken from the kernel's clock, other than user and system time in /proc/stat, which
// are guessed from the state at each clock tick.
StatusOr<IdleTimes> ReadIdleTimes();

// What cores do for everybody.
class CoreUtilisation {
 public:
  // Shares of the time since the last call: 0 to 1, and a little beyond where IdleTimes is too
  // coarse. Nothing for a core that was not there both times, nor at the first call.
  std::map<int, double> Update(IdleTimes idle, std::chrono::nanoseconds now);

 private:
  IdleTimes idle_;
  std::chrono::nanoseconds updated_{};
};

// 0 if `whole` is none.
double Ratio(std::chrono::nanoseconds part, std::chrono::nanoseconds whole);

// What to take of a core so that, with what others take, it comes to a target: from samples as
// coarse as IdleTimes. Steady while others stay the same, quick to follow when they change.
class ShareOfTotal {
 public:
  // In the time `elapsed` the core was busy for the share `busy`, of which `own` was ours. Returns
  // the share to take from now on, 0 to 1.
  double Update(double busy, double own, double target, std::chrono::nanoseconds elapsed);

 private:
  double others_ = 0;  // may be a little out of range, as samples are
  double lacking_s_ = 0;
  int samples_ = 0;
};

}  // namespace faultd

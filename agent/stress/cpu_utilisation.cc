#include "stress/cpu_utilisation.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/file_io.h"
#include "base/strings.h"

namespace faultd {
namespace {

using std::chrono::nanoseconds;

// Of the latest sample in what others are believed to take, and of one that shows a change: one
// that is off by more than the steps of 10 ms in IdleTimes and the bursts of others explain.
constexpr double kWeight = 0.2;
constexpr double kWeightOfChange = 0.8;
constexpr nanoseconds kChange = std::chrono::milliseconds(20);

// While others change, what is believed of them lags behind: core time that was taken too little or
// too much by this is made up for, within so many seconds. There is room for the steps of IdleTimes
// on both sides: with less, the mean would be off.
constexpr double kMakeUpIn = 0.3;
constexpr double kMostLacking = 0.02;
constexpr double kMostExcess = 0.04;

}  // namespace

StatusOr<IdleTimes> ParseIdleTimes(std::string_view stat, int64_t ticks_per_second) {
  constexpr size_t kIdle = 4;  // cpu0 user nice system idle iowait …
  const nanoseconds tick = nanoseconds(std::chrono::seconds(1)) / ticks_per_second;
  IdleTimes times;
  for (const absl::string_view line : absl::StrSplit(ToAbsl(stat), '\n')) {
    if (line.substr(0, 3) != "cpu") break;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words[0] == "cpu") continue;  // the sum of all
    int core = 0;
    int64_t idle = 0, waiting = 0;
    if (words.size() <= kIdle + 1 || !absl::SimpleAtoi(words[0].substr(3), &core) ||
        !absl::SimpleAtoi(words[kIdle], &idle) || !absl::SimpleAtoi(words[kIdle + 1], &waiting)) {
      return absl::InternalError(StrCat("/proc/stat: cannot make sense of \"", line, "\""));
    }
    times[core] = (idle + waiting) * tick;
  }
  if (times.empty()) return absl::InternalError("/proc/stat: there is no line for a core");
  return times;
}

StatusOr<IdleTimes> ReadIdleTimes() {
  ASSIGN_OR_RETURN(const std::string stat, ReadSmallFile("/proc/stat"));
  return ParseIdleTimes(stat, sysconf(_SC_CLK_TCK));
}

std::map<int, double> CoreUtilisation::Update(IdleTimes idle, nanoseconds now) {
  std::map<int, double> busy;
  const nanoseconds elapsed = now - std::exchange(updated_, now);
  for (const auto& [core, time] : idle) {
    const auto before = idle_.find(core);
    if (before == idle_.end()) continue;
    busy[core] = 1 - Ratio(time - before->second, elapsed);
  }
  idle_ = std::move(idle);
  return busy;
}

double Ratio(nanoseconds part, nanoseconds whole) {
  if (whole.count() <= 0) return 0;
  return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

double ShareOfTotal::Update(double busy, double own, double target, nanoseconds elapsed) {
  const double change = busy - own - others_;
  const bool real = std::abs(change) > Ratio(kChange, elapsed);
  others_ += std::max(real ? kWeightOfChange : kWeight, 1.0 / ++samples_) * change;
  lacking_s_ += (target - busy) * std::chrono::duration<double>(elapsed).count();
  lacking_s_ = std::clamp(lacking_s_, -kMostExcess, kMostLacking);
  return std::clamp(target - std::clamp(others_, 0.0, 1.0) + lacking_s_ / kMakeUpIn, 0.0, 1.0);
}

}  // namespace faultd

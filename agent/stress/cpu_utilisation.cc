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

// Of the latest sample in the estimate, and of one that shows a change.
constexpr double kWeight = 0.2;
constexpr double kWeightOfChange = 0.7;
// More than the steps of 10 ms in IdleTimes explain.
constexpr nanoseconds kChange = std::chrono::milliseconds(15);

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

void OthersShare::Update(double busy, double own, nanoseconds elapsed) {
  const double change = busy - own - share_;
  const bool real = std::abs(change) > Ratio(kChange, elapsed);
  const double weight = std::max(real ? kWeightOfChange : kWeight, 1.0 / ++samples_);
  share_ += weight * change;
}

double OthersShare::get() const { return std::clamp(share_, 0.0, 1.0); }

}  // namespace faultd

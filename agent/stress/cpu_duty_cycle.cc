#include "stress/cpu_duty_cycle.h"

#include <algorithm>
#include <cmath>

namespace faultd {
namespace {

using std::chrono::nanoseconds;

constexpr double kGoldenRatio = 0.6180339887498949;

// Kernels look at their clock ticks at who runs, and that is what they account as user and system
// time (/proc/stat): with periods that have a ratio to the tick, all ticks would fall on the same
// few parts of a period, and random ones take minutes to even out. Multiples of the golden ratio
// fall on all parts in equal measure, whether a tick is 1, 3 1/3, 4 or 10 ms. Three times so much
// also goes into 100 ms almost evenly: so long after, a period is at about the same part.
constexpr double kUnitNs = 3e6 * kGoldenRatio;
constexpr double kMostUnits = 6;
// Of a burst that is cut by the edge of a window of time, up to share * (1 - share) * period is on
// the wrong side: this keeps it about the same for all shares, at the price of more wake-ups where
// the share is near a half.
constexpr double kCutNs = 500'000;

nanoseconds Scale(double share, nanoseconds time) {
  return nanoseconds(static_cast<int64_t>(share * static_cast<double>(time.count())));
}

nanoseconds LengthFor(double share) {
  const double units = kCutNs / (share * (1 - share)) / kUnitNs;
  return nanoseconds(
      static_cast<int64_t>(std::clamp(std::round(units), 1.0, kMostUnits) * kUnitNs));
}

}  // namespace

DutyCycle::Period DutyCycle::Next(nanoseconds now, nanoseconds used, double share) {
  const nanoseconds length = LengthFor(share);
  nanoseconds end = last_.end + length;
  if (!begun_) {
    begun_ = true;
    last_ = {used, now};
    end = now + Scale(0.5 + std::fmod(seed_ * kGoldenRatio, 1), length);
  } else if (end < now + length / 2) {
    end = now + length;
  }
  const nanoseconds due = last_.due + Scale(share, end - last_.end);
  last_ = {std::min(due, used + Scale(share, end - now) + longest_debt_), end};
  return last_;
}

}  // namespace faultd

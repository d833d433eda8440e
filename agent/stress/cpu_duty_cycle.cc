#include "stress/cpu_duty_cycle.h"

#include <algorithm>

namespace faultd {
namespace {

using std::chrono::nanoseconds;

// Of a burst that is cut by the edge of a window of time, up to share * (1 - share) * period is on
// the wrong side: this keeps it the same for all shares, small in windows of 100 ms, at the price
// of more wake-ups where the share is near a half.
constexpr double kCutNs = 600'000;
constexpr double kLongestPeriodNs = 10'000'000;
// Periods of varying length: the clock ticks by which kernels account CPU time to user and system
// (/proc/stat) would fall on the same part of every period otherwise.
constexpr double kSpread = 0.5;

nanoseconds Scale(double share, nanoseconds time) {
  return nanoseconds(static_cast<int64_t>(share * static_cast<double>(time.count())));
}

}  // namespace

DutyCycle::Period DutyCycle::Next(nanoseconds now, nanoseconds used, double share) {
  if (!begun_) last_ = {used, now};
  begun_ = true;
  const nanoseconds length = Length(share);
  const nanoseconds end = now + length;
  const nanoseconds due = last_.due + Scale(share, end - last_.end);
  last_ = {std::min(due, used + Scale(share, length) + longest_debt_), end};
  return last_;
}

nanoseconds DutyCycle::Length(double share) {
  random_ ^= random_ << 13;  // xorshift32
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  const double dither = 1 + kSpread * (random_ * 0x1p-32 - 0.5);
  const double cut = std::max(share * (1 - share), kCutNs / kLongestPeriodNs);
  return nanoseconds(static_cast<int64_t>(kCutNs / cut * dither));
}

}  // namespace faultd

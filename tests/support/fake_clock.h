#pragma once

#include "base/clock.h"

namespace faultd {

// Both clocks, turned by hand. They begin at different times, so that a mix-up shows.
class FakeClock final : public Clock {
 public:
  BootTime Now() const override { return now_; }
  std::chrono::nanoseconds WallNow() const override { return now_ + wall_offset_; }

  void Set(BootTime now) { now_ = now; }
  void Advance(std::chrono::nanoseconds by) { now_ += by; }
  // As NTP or an operator does; the time since boot does not notice.
  void StepWallClock(std::chrono::nanoseconds by) { wall_offset_ += by; }

 private:
  BootTime now_ = std::chrono::hours(1);
  std::chrono::nanoseconds wall_offset_ = std::chrono::hours(24 * 365 * 55);
};

}  // namespace faultd

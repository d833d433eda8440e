#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"

namespace faultd {

// The time as AWS has it. A request is refused when it is signed with a clock that is 5 minutes or
// more away from theirs, and our host's clock may be just that, by a fault of our own or without.
// So once a service has told the time, the host's clock is believed only while it is near; else the
// service's is counted on by the time since boot, which nobody steps.
class SkewedClock {
 public:
  explicit SkewedClock(const Clock& clock) : clock_(clock) {}

  BootTime Now() const { return clock_.Now(); }

  std::chrono::nanoseconds WallNow() const {
    const auto wall = clock_.WallNow();
    if (!boot_at_) return wall;
    const auto service = clock_.Now() + *boot_at_;
    return std::chrono::abs(wall - service) < kTolerance ? wall : service;
  }

  // A service's Date header, just received.
  void Observe(std::chrono::nanoseconds service_time) { boot_at_ = service_time - clock_.Now(); }

 private:
  static constexpr std::chrono::minutes kTolerance{4};

  const Clock& clock_;
  std::optional<std::chrono::nanoseconds> boot_at_;  // when the host booted, by the service's clock
};

}  // namespace faultd

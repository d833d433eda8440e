#pragma once

#include <chrono>
#include <string>

#include "base/status.h"

namespace faultd {

// Time since boot, suspend included (CLOCK_BOOTTIME). Leases are counted on it: no step of the wall
// clock moves them.
using BootTime = std::chrono::nanoseconds;

// The two clocks, so that tests can turn them by hand.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual BootTime Now() const = 0;
  // Since the Unix epoch; for display only.
  virtual std::chrono::nanoseconds WallNow() const = 0;
};

class SystemClock final : public Clock {
 public:
  BootTime Now() const override;
  std::chrono::nanoseconds WallNow() const override;
};

// Identity of the running boot (/proc/sys/kernel/random/boot_id).
StatusOr<std::string> ReadBootId();

}  // namespace faultd

#include "base/clock.h"

#include <ctime>

#include "base/file_io.h"

namespace faultd {
namespace {

std::chrono::nanoseconds Read(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

BootTime SystemClock::Now() const { return Read(CLOCK_BOOTTIME); }

std::chrono::nanoseconds SystemClock::WallNow() const { return Read(CLOCK_REALTIME); }

StatusOr<std::string> ReadBootId() { return ReadSmallFile("/proc/sys/kernel/random/boot_id"); }

}  // namespace faultd

#pragma once

#include <chrono>
#include <cstdint>

namespace faultd {

// When a thread that is to take a share of its core's time runs, and when it sleeps: short periods
// of a burst and a pause each. What a period lacks or takes too much, later ones make up for. Pure
// arithmetic; all times are on clocks of the caller's, that of the thread's CPU time and that of
// the wall.
class DutyCycle {
 public:
  struct Period {
    std::chrono::nanoseconds due;  // run until the thread has used so much CPU time,
    std::chrono::nanoseconds end;  // but not beyond this; then sleep until this
  };

  // Of the CPU time that the thread could not get it makes up for `longest_debt` at most, lest it
  // take the core whole for long once there is room again. With a `seed` of its own each, cores do
  // not run their bursts at the same time.
  DutyCycle(std::chrono::nanoseconds longest_debt, uint32_t seed)
      : longest_debt_(longest_debt), seed_(seed) {}

  // The period that begins `now`, with `used` on the thread's CPU clock; `share` is 0 to 1, and
  // also what is owed for the time since the end of the last period.
  Period Next(std::chrono::nanoseconds now, std::chrono::nanoseconds used, double share);

 private:
  const std::chrono::nanoseconds longest_debt_;
  const uint32_t seed_;
  bool begun_ = false;
  Period last_{};
};

}  // namespace faultd

#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

#include "kernel/machine.h"

namespace faultd {

struct MemoryTerms {
  bool absolute = false;  // bytes are what is to be in use on the host, not what is to be held
  uint64_t bytes = 0;
  uint64_t reserve = 0;              // bytes that stay available
  std::chrono::nanoseconds ramp{0};  // time in which all is to be reached; 0: at once
  uint64_t bytes_per_second = 0;     // how fast without a ramp; 0: at once
};

struct MemoryMoment {
  std::chrono::nanoseconds elapsed{0};  // since the load began
  uint64_t held = 0;                    // bytes resident, read before the facts
  MemoryFacts facts;
  bool filling = false;  // whether more is being taken just now
  bool stalled = false;  // whether processes had to wait for memory since the last moment
};

// Says how much memory to hold from moment to moment, so that the load reaches what was asked for,
// keeps to it while others take and free memory, and leaves the reserve to them. Pure arithmetic.
//
// When less than the reserve is left, it gives back what is missing and a margin, at once; it takes
// again when others have left room for some seconds. While processes stall for memory, the reserve
// counts twice.
class MemoryGoal {
 public:
  explicit MemoryGoal(const MemoryTerms& terms);

  // How many bytes to hold from now on. Moments come in order.
  uint64_t Decide(const MemoryMoment& moment);
  // When to look again: before what is available can be gone.
  std::chrono::nanoseconds NextLook() const { return next_look_; }

  // As of the last moment.
  uint64_t requested() const { return requested_; }
  uint64_t withheld() const { return withheld_; }
  // How many times memory was given back because others needed it.
  uint32_t give_backs() const { return give_backs_; }

 private:
  uint64_t Grown(uint64_t span, std::chrono::nanoseconds elapsed) const;
  uint64_t Wanted(const MemoryMoment& moment);
  void MoveCeiling(const MemoryMoment& moment);
  std::chrono::nanoseconds LookAfter(const MemoryMoment& moment) const;

  const MemoryTerms terms_;
  const uint64_t margin_;
  uint64_t ceiling_ = std::numeric_limits<uint64_t>::max();  // what the reserve allows to hold
  std::chrono::nanoseconds resume_at_{0};                    // not before this is more taken
  std::chrono::nanoseconds filled_at_{0};                    // last seen filling
  std::chrono::nanoseconds stalls_end_{0};                   // until then the reserve counts twice
  // Mode absolute: what others used at first, and what they are taken to use now.
  bool begun_ = false;
  uint64_t others_at_first_ = 0;
  uint64_t others_ = 0;

  uint64_t requested_ = 0;
  uint64_t withheld_ = 0;
  uint32_t give_backs_ = 0;
  std::chrono::nanoseconds next_look_{0};
};

}  // namespace faultd

#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"

namespace faultd {

// The one thread that owns all state, as the engine sees it. Functions are called on it.
class Loop {
 public:
  using TimerId = uint64_t;
  static constexpr TimerId kNoTimer = 0;

  virtual ~Loop() = default;
  // Runs `work` after the current work is done. The only function that may be called from any
  // thread.
  virtual void Post(std::function<void()> work) = 0;
  // Runs `work` at or soon after `when`.
  virtual TimerId At(BootTime when, std::function<void()> work) = 0;
  // A timer that has run, or kNoTimer, is no error.
  virtual void Cancel(TimerId timer) = 0;
};

}  // namespace faultd

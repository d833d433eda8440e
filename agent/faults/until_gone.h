#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "base/status.h"

namespace faultd {

// Takes steps of a revert, which answer whether it is seen gone, until it is: for a process that
// has nothing else to do meanwhile. DEADLINE_EXCEEDED after some seconds.
inline Status StepUntilGone(const std::function<StatusOr<bool>()>& step) {
  constexpr std::chrono::milliseconds kPause{2};
  constexpr int kTries = 2000;
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(const bool gone, step());
    if (gone) return absl::OkStatus();
    std::this_thread::sleep_for(kPause);
  }
  return absl::DeadlineExceededError("something of it is still on its way out");
}

}  // namespace faultd

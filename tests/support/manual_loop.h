#pragma once

#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "engine/loop.h"
#include "support/fake_clock.h"

namespace faultd {

// A loop whose time passes when the test says so: every timer runs exactly when it is due.
class ManualLoop final : public Loop {
 public:
  explicit ManualLoop(FakeClock& clock) : clock_(clock) {}

  void Post(std::function<void()> work) override;
  TimerId At(BootTime when, std::function<void()> work) override;
  void Cancel(TimerId timer) override;

  // Runs what is posted or due, then turns the clock to the next timer and runs that, up to `end`.
  void RunUntil(BootTime end);
  void RunFor(std::chrono::nanoseconds time) { RunUntil(clock_.Now() + time); }
  // Only what is posted or due now.
  void RunReady() { RunUntil(clock_.Now()); }

  // The process died: nothing of what it wanted to do happens.
  void Clear();
  // What would still wake the process up.
  size_t timers() const { return timers_.size(); }

 private:
  using Due = std::pair<BootTime, TimerId>;

  FakeClock& clock_;
  std::deque<std::function<void()>> posted_;
  std::map<Due, std::function<void()>> timers_;
  TimerId next_ = 1;
};

}  // namespace faultd

#include "stress/cpu_duty_cycle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

namespace faultd {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds kLongestDebt = milliseconds(100);

nanoseconds Part(double share, nanoseconds whole) {
  return nanoseconds(static_cast<int64_t>(share * static_cast<double>(whole.count())));
}

double Share(nanoseconds part, nanoseconds whole) {
  return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

// A thread that does as it is told, on a core of its own.
class Simulation {
 public:
  explicit Simulation(uint32_t seed = 0) : cycle_(kLongestDebt, seed) {}

  void Run(nanoseconds time, double share) {
    for (const nanoseconds until = now_ + time; now_ < until;) {
      const DutyCycle::Period period = cycle_.Next(now_, used_, share);
      const nanoseconds begin = now_;
      now_ = std::clamp(now_ + (period.due - used_), now_, period.end);
      used_ += now_ - begin;
      if (now_ > begin) bursts_.push_back({begin, now_});
      if (now_ < period.end) now_ = period.end + oversleep_;
    }
  }
  // Others have the core whole: the thread is in the middle of a period and gets nothing.
  void Starve(nanoseconds time, double share) {
    for (const nanoseconds until = now_ + time; now_ < until;)
      now_ = cycle_.Next(now_, used_, share).end;
  }
  void OversleepEachTime(nanoseconds time) { oversleep_ = time; }

  nanoseconds now() const { return now_; }
  nanoseconds used() const { return used_; }
  // CPU time used until then.
  nanoseconds UsedAt(nanoseconds time) const {
    nanoseconds used{};
    for (const auto& [begin, end] : bursts_) {
      if (begin >= time) break;
      used += std::min(end, time) - begin;
    }
    return used;
  }
  bool RunsAt(nanoseconds time) const {
    const auto after = std::upper_bound(bursts_.begin(), bursts_.end(), time,
                                        [](nanoseconds t, const Burst& b) { return t < b.begin; });
    return after != bursts_.begin() && time < std::prev(after)->end;
  }
  size_t bursts() const { return bursts_.size(); }

 private:
  struct Burst {
    nanoseconds begin, end;
  };
  DutyCycle cycle_;
  nanoseconds now_ = seconds(1000);
  nanoseconds used_ = seconds(7);
  nanoseconds oversleep_{};
  std::vector<Burst> bursts_;
};

class DutyCycleOfLoad : public testing::TestWithParam<int> {
 protected:
  const double share_ = GetParam() / 100.0;
};

TEST_P(DutyCycleOfLoad, TakesItsShare) {
  Simulation core;
  const nanoseconds begin = core.now(), used = core.used();
  core.Run(seconds(10), share_);
  EXPECT_NEAR(Share(core.used() - used, core.now() - begin), share_, 1e-6);
}

TEST_P(DutyCycleOfLoad, MakesUpForSleepingTooLong) {
  Simulation core;
  core.OversleepEachTime(microseconds(150));
  const nanoseconds begin = core.now(), used = core.used();
  core.Run(seconds(10), share_);
  EXPECT_NEAR(Share(core.used() - used, core.now() - begin), share_, 1e-4);
}

TEST_P(DutyCycleOfLoad, IsEvenOverWindowsOfATenthOfASecond) {
  constexpr int kWindows = 100;
  for (const nanoseconds window : {milliseconds(100), milliseconds(97), milliseconds(103)}) {
    Simulation core;
    const nanoseconds begin = core.now();
    core.Run(kWindows * window + milliseconds(20), share_);
    double squares = 0;
    for (int i = 0; i < kWindows; ++i) {
      const nanoseconds used =
          core.UsedAt(begin + (i + 1) * window) - core.UsedAt(begin + i * window);
      squares += std::pow(100 * (Share(used, window) - share_), 2);
    }
    EXPECT_LE(std::sqrt(squares / kWindows), 0.3) << "over " << window.count() << " ns";
  }
}

// Kernels look at their clock ticks at who runs, and top(1) shows what they saw.
TEST_P(DutyCycleOfLoad, IsSeenByClockTicks) {
  constexpr int kTicks = 10'000;
  for (const nanoseconds tick : {nanoseconds(milliseconds(1)), nanoseconds(3'333'333),
                                 nanoseconds(milliseconds(4)), nanoseconds(milliseconds(10))}) {
    Simulation core;
    const nanoseconds begin = core.now();
    core.Run(kTicks * tick, share_);
    int seen = 0;
    for (int i = 0; i < kTicks; ++i) seen += core.RunsAt(begin + i * tick);
    EXPECT_NEAR(static_cast<double>(seen) / kTicks, share_, 0.003)
        << "with ticks of " << tick.count() << " ns";
  }
}

TEST_P(DutyCycleOfLoad, WakesUpFiveHundredAndFortyTimesASecondAtMost) {
  Simulation core;
  core.Run(seconds(10), share_);
  EXPECT_LE(core.bursts(), 5'400u);
}

INSTANTIATE_TEST_SUITE_P(Loads, DutyCycleOfLoad,
                         testing::Values(1, 5, 10, 25, 33, 50, 75, 90, 99, 100),
                         testing::PrintToStringParamName());

TEST(DutyCycleTest, BeginsWithABurst) {
  DutyCycle cycle(kLongestDebt, 0);
  const DutyCycle::Period period = cycle.Next(seconds(5), seconds(2), 0.25);
  EXPECT_GT(period.end, seconds(5));
  EXPECT_EQ(period.due, seconds(2) + Part(0.25, period.end - seconds(5)));
}

TEST(DutyCycleTest, ShareOfNothingIsNeverDue) {
  Simulation core;
  const nanoseconds used = core.used();
  core.Run(seconds(1), 0);
  EXPECT_EQ(core.used(), used);
}

TEST(DutyCycleTest, FollowsTheShare) {
  Simulation core;
  const nanoseconds used = core.used();
  core.Run(seconds(1), 0.2);
  core.Run(seconds(1), 0.8);
  core.Run(seconds(1), 0);
  EXPECT_NEAR(Share(core.used() - used, seconds(1)), 1, 0.01);
}

TEST(DutyCycleTest, MakesUpForWhatOthersHad) {
  Simulation core;
  const nanoseconds begin = core.now(), used = core.used();
  core.Starve(milliseconds(100), 0.5);
  core.Run(seconds(1), 0.5);
  EXPECT_NEAR(Share(core.used() - used, core.now() - begin), 0.5, 1e-3);
}

TEST(DutyCycleTest, TakesNoMoreThanTheLongestDebtOnTopAfterwards) {
  Simulation core;
  core.Starve(seconds(60), 0.5);
  const nanoseconds begin = core.now(), used = core.used();
  core.Run(seconds(2), 0.5);
  const nanoseconds on_top = core.used() - used - Part(0.5, core.now() - begin);
  EXPECT_NEAR(Share(on_top, kLongestDebt), 1, 0.02);
}

TEST(DutyCycleTest, PeriodsDifferFromCoreToCore) {
  std::set<nanoseconds> ends;
  for (uint32_t core = 0; core < 64; ++core)
    ends.insert(DutyCycle(kLongestDebt, core).Next(seconds(1), seconds(1), 0.5).end);
  EXPECT_GT(ends.size(), 60u);
}

}  // namespace
}  // namespace faultd

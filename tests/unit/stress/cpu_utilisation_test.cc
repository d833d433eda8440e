#include "stress/cpu_utilisation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>

namespace faultd {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(IdleTimesTest, CountsIdleAndWaitingForDisks) {
  const auto times = ParseIdleTimes(
      "cpu  926235 448302 204283 1033346 6060 0 1776 1793 0 0\n"
      "cpu0 459950 225699 98235 524602 1740 0 125 886 0 0\n"
      "cpu12 466284 222602 106047 508744 4319 0 1651 907 0 0\n"
      "intr 14778471 0 0\nctxt 99\n",
      100);
  ASSERT_TRUE(times.ok()) << times.status();
  EXPECT_THAT(*times,
              ElementsAre(Pair(0, milliseconds(5'263'420)), Pair(12, milliseconds(5'130'630))));
}

TEST(IdleTimesTest, KnowsFilesOfOldKernels) {
  const auto times = ParseIdleTimes("cpu 1 2 3 4 5\ncpu0 1 2 3 4 5", 1000);
  ASSERT_TRUE(times.ok()) << times.status();
  EXPECT_THAT(*times, ElementsAre(Pair(0, milliseconds(9))));
}

TEST(IdleTimesTest, QuotesWhatItCannotMakeSenseOf) {
  EXPECT_EQ(ParseIdleTimes("cpu 1 2 3 4 5\ncpu0 1 2 3 4\n", 100).status().message(),
            "/proc/stat: cannot make sense of \"cpu0 1 2 3 4\"");
  EXPECT_EQ(ParseIdleTimes("cpux 1 2 3 4 5\n", 100).status().message(),
            "/proc/stat: cannot make sense of \"cpux 1 2 3 4 5\"");
  EXPECT_EQ(ParseIdleTimes("intr 3\n", 100).status().message(),
            "/proc/stat: there is no line for a core");
}

TEST(IdleTimesTest, ReadsThoseOfThisHost) {
  const auto times = ReadIdleTimes();
  ASSERT_TRUE(times.ok()) << times.status();
  EXPECT_GE(times->size(), 1u);
}

TEST(CoreUtilisationTest, IsWhatIsLeftByIdleTime) {
  CoreUtilisation utilisation;
  EXPECT_THAT(utilisation.Update({{0, seconds(10)}, {1, seconds(20)}}, seconds(100)), IsEmpty());
  EXPECT_THAT(utilisation.Update({{0, seconds(10)}, {1, seconds(21)}}, seconds(102)),
              ElementsAre(Pair(0, 1.0), Pair(1, 0.5)));
  EXPECT_THAT(utilisation.Update({{0, seconds(11)}, {1, seconds(21)}}, seconds(103)),
              ElementsAre(Pair(0, 0.0), Pair(1, 1.0)));
}

TEST(CoreUtilisationTest, KnowsNothingOfACoreThatWasOffline) {
  CoreUtilisation utilisation;
  utilisation.Update({{0, seconds(10)}, {1, seconds(20)}}, seconds(100));
  EXPECT_THAT(utilisation.Update({{0, seconds(10)}}, seconds(101)), ElementsAre(Pair(0, 1.0)));
  EXPECT_THAT(utilisation.Update({{0, seconds(10)}, {1, seconds(21)}}, seconds(102)),
              ElementsAre(Pair(0, 1.0)));
  EXPECT_THAT(utilisation.Update({{0, seconds(10)}, {1, seconds(22)}}, seconds(103)),
              ElementsAre(Pair(0, 1.0), Pair(1, 0.0)));
}

TEST(RatioTest, OfNothingIsNothing) { EXPECT_EQ(Ratio(seconds(1), seconds(0)), 0); }

// A core that others use and that is to be brought to a target, seen through idle times in steps of
// 10 ms.
class Core {
 public:
  explicit Core(double target) : target_(target) {}

  // Returns what the core was busy for meanwhile.
  double Run(milliseconds time, const std::function<double(nanoseconds)>& others) {
    constexpr nanoseconds kSample = milliseconds(25);
    constexpr nanoseconds kStep = milliseconds(10);
    nanoseconds busy{};
    for (const nanoseconds until = now_ + time; now_ < until; now_ += kSample) {
      const double used = std::min(1.0, others(now_) + own_);
      const nanoseconds idle(
          static_cast<int64_t>((1 - used) * static_cast<double>(kSample.count())));
      const int64_t steps = idle_ / kStep;
      idle_ += idle;
      busy += kSample - idle;
      const nanoseconds seen = (idle_ / kStep - steps) * kStep;
      own_ = share_.Update(1 - Ratio(seen, kSample), own_, target_, kSample);
    }
    return Ratio(busy, time);
  }
  double Run(milliseconds time, double others) {
    return Run(time, [others](nanoseconds) { return others; });
  }
  double own() const { return own_; }

 private:
  const double target_;
  ShareOfTotal share_;
  nanoseconds now_{};
  nanoseconds idle_ = milliseconds(3);
  double own_ = 0;
};

TEST(ShareOfTotalTest, HoldsTheTargetInSpiteOfCoarseIdleTimes) {
  for (double others : {0.0, 0.013, 0.3, 0.45}) {
    Core core(0.5);
    core.Run(milliseconds(1000), others);
    double sum = 0;
    for (int second = 0; second < 10; ++second) {
      const double busy = core.Run(milliseconds(1000), others);
      EXPECT_THAT(busy, DoubleNear(0.5, 0.01)) << "beside " << others;
      sum += busy;
    }
    EXPECT_THAT(sum / 10, DoubleNear(0.5, 0.002)) << "beside " << others;
  }
}

TEST(ShareOfTotalTest, HoldsTheTargetWhileOthersComeAndGo) {
  Core core(0.75);
  core.Run(milliseconds(1000), 0);
  const auto others = [](nanoseconds now) {
    const double turn = Ratio(now % seconds(20), seconds(20));
    return 0.6 * (turn < 0.5 ? 2 * turn : 2 - 2 * turn);
  };
  for (int second = 0; second < 60; ++second)
    EXPECT_THAT(core.Run(milliseconds(1000), others), DoubleNear(0.75, 0.02));
}

TEST(ShareOfTotalTest, GivesWayToOthersAtOnce) {
  Core core(0.5);
  core.Run(milliseconds(2000), 0);
  core.Run(milliseconds(150), 0.6);
  EXPECT_EQ(core.own(), 0);
  core.Run(milliseconds(1000), 0.6);
  EXPECT_EQ(core.own(), 0);
}

TEST(ShareOfTotalTest, TakesOverWhenOthersAreGone) {
  Core core(0.5);
  core.Run(milliseconds(2000), 0.6);
  core.Run(milliseconds(500), 0);
  EXPECT_THAT(core.Run(milliseconds(1000), 0), DoubleNear(0.5, 0.03));
}

TEST(ShareOfTotalTest, OfAllIsAllThatOthersLeave) {
  Core core(1);
  core.Run(milliseconds(2000), 0.3);
  EXPECT_THAT(core.Run(milliseconds(1000), 0.3), DoubleNear(1, 0.02));
}

}  // namespace
}  // namespace faultd

#include "stress/memory_goal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace faultd {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;
constexpr uint64_t kReserve = 256 * kMiB;
constexpr uint64_t kMargin = kReserve / 8;

// A host of 16 GiB of which others use `others`.
MemoryMoment At(nanoseconds elapsed, uint64_t others, uint64_t held) {
  return {.elapsed = elapsed,
          .held = held,
          .facts = {.total = 16 * kGiB, .available = 16 * kGiB - others - held}};
}

MemoryTerms Add(uint64_t bytes) { return {.bytes = bytes, .reserve = kReserve}; }
MemoryTerms Absolute(uint64_t bytes) {
  return {.absolute = true, .bytes = bytes, .reserve = kReserve};
}

TEST(MemoryGoalTest, HoldsWhatWasAskedForAtOnce) {
  MemoryGoal goal(Add(4 * kGiB + 1));
  EXPECT_EQ(goal.Decide(At(0s, kGiB, 0)), 4 * kGiB + 1);
  EXPECT_EQ(goal.requested(), 4 * kGiB + 1);
  EXPECT_EQ(goal.withheld(), 0U);
  EXPECT_EQ(goal.Decide(At(1s, 3 * kGiB, 4 * kGiB)), 4 * kGiB + 1) << "whatever others use";
  EXPECT_EQ(goal.give_backs(), 0U);
}

TEST(MemoryGoalTest, RampGrowsInALine) {
  MemoryTerms terms = Add(4 * kGiB);
  terms.ramp = 8s;
  MemoryGoal goal(terms);
  EXPECT_EQ(goal.Decide(At(0s, kGiB, 0)), 0U);
  EXPECT_EQ(goal.Decide(At(2s, kGiB, 0)), kGiB);
  EXPECT_EQ(goal.Decide(At(6s, kGiB, kGiB)), 3 * kGiB);
  EXPECT_EQ(goal.Decide(At(8s, kGiB, 3 * kGiB)), 4 * kGiB);
  EXPECT_EQ(goal.Decide(At(9h, kGiB, 4 * kGiB)), 4 * kGiB);
}

TEST(MemoryGoalTest, RateGrowsInALine) {
  MemoryTerms terms = Add(kGiB);
  terms.bytes_per_second = 256 * kMiB;
  MemoryGoal goal(terms);
  EXPECT_EQ(goal.Decide(At(0s, kGiB, 0)), 0U);
  EXPECT_EQ(goal.Decide(At(500ms, kGiB, 0)), 128 * kMiB);
  EXPECT_EQ(goal.Decide(At(4s, kGiB, 128 * kMiB)), kGiB);
  EXPECT_EQ(goal.Decide(At(1h, kGiB, kGiB)), kGiB);
}

TEST(MemoryGoalTest, AbsoluteHoldsWhatOthersDoNotUse) {
  MemoryGoal goal(Absolute(6 * kGiB));
  EXPECT_EQ(goal.Decide(At(0s, 2 * kGiB, 0)), 4 * kGiB);
  EXPECT_EQ(goal.Decide(At(1s, 3 * kGiB, 4 * kGiB)), 3 * kGiB) << "others took";
  EXPECT_EQ(goal.Decide(At(2s, kGiB, 3 * kGiB)), 5 * kGiB) << "others freed";
  EXPECT_EQ(goal.Decide(At(3s, 7 * kGiB, 5 * kGiB)), 0U) << "others use more than was asked for";
  EXPECT_EQ(goal.requested(), 0U);
  EXPECT_EQ(goal.give_backs(), 0U) << "the reserve was never touched";
}

TEST(MemoryGoalTest, AbsoluteIsFlatWhileOthersHardlyChange) {
  MemoryGoal goal(Absolute(6 * kGiB));
  EXPECT_EQ(goal.Decide(At(0s, 2 * kGiB, 0)), 4 * kGiB);
  EXPECT_EQ(goal.Decide(At(1s, 2 * kGiB + 16 * kMiB, 4 * kGiB)), 4 * kGiB);
  EXPECT_EQ(goal.Decide(At(2s, 2 * kGiB - 16 * kMiB, 4 * kGiB)), 4 * kGiB);
  EXPECT_EQ(goal.Decide(At(3s, 2 * kGiB + 17 * kMiB, 4 * kGiB)), 4 * kGiB - 17 * kMiB);
}

TEST(MemoryGoalTest, AbsoluteRampBeginsAtWhatIsInUse) {
  MemoryTerms terms = Absolute(6 * kGiB);
  terms.ramp = 4s;
  MemoryGoal goal(terms);
  EXPECT_EQ(goal.Decide(At(0s, 2 * kGiB, 0)), 0U);
  EXPECT_EQ(goal.Decide(At(1s, 2 * kGiB, 0)), kGiB);
  EXPECT_EQ(goal.Decide(At(2s, 3 * kGiB, kGiB)), kGiB) << "4 GiB in use, 3 of them by others";
  EXPECT_EQ(goal.Decide(At(4s, 3 * kGiB, kGiB)), 3 * kGiB);
}

TEST(MemoryGoalTest, LeavesTheReserve) {
  MemoryGoal goal(Add(16 * kGiB));
  const uint64_t most = 12 * kGiB - kReserve - kMargin;
  EXPECT_EQ(goal.Decide(At(0s, 4 * kGiB, 0)), most);
  EXPECT_EQ(goal.withheld(), 16 * kGiB - most);
  EXPECT_EQ(goal.Decide(At(1s, 4 * kGiB, most)), most);
  EXPECT_EQ(goal.Decide(At(2s, 4 * kGiB + kMargin, most)), most) << "the reserve is still there";
  EXPECT_EQ(goal.Decide(At(3s, 4 * kGiB + 1, most)), most) << "not taken again for a little";
  EXPECT_EQ(goal.Decide(At(4s, 3 * kGiB, most)), most + kGiB) << "others left much";
  EXPECT_EQ(goal.give_backs(), 0U);
}

TEST(MemoryGoalTest, TakesLessWhenOthersTakeDuringTheFill) {
  MemoryGoal goal(Add(8 * kGiB));
  EXPECT_EQ(goal.Decide(At(0s, 7 * kGiB, 0)), 8 * kGiB);
  MemoryMoment moment = At(1s, 9 * kGiB, 4 * kGiB);
  moment.filling = true;
  EXPECT_EQ(goal.Decide(moment), 7 * kGiB - kReserve - kMargin);
  EXPECT_EQ(goal.give_backs(), 0U);
}

TEST(MemoryGoalTest, GivesBackAtOnceAndCounts) {
  MemoryGoal goal(Add(8 * kGiB));
  EXPECT_EQ(goal.Decide(At(0s, 4 * kGiB, 0)), 8 * kGiB);
  EXPECT_EQ(goal.Decide(At(1s, 8 * kGiB - kReserve, 8 * kGiB)), 8 * kGiB);
  EXPECT_EQ(goal.give_backs(), 0U);
  const uint64_t others = 8 * kGiB - kReserve + 1;
  const uint64_t held = 8 * kGiB - 1 - kMargin;
  EXPECT_EQ(goal.Decide(At(2s, others, 8 * kGiB)), held) << "what is missing and the margin";
  EXPECT_EQ(goal.give_backs(), 1U);
  EXPECT_EQ(goal.withheld(), 8 * kGiB - held);
  EXPECT_EQ(goal.Decide(At(3s, others, held)), held);
  EXPECT_EQ(goal.give_backs(), 1U);
  EXPECT_EQ(goal.Decide(At(4s, 16 * kGiB - held, held)), held - kReserve - kMargin);
  EXPECT_EQ(goal.give_backs(), 2U);
}

TEST(MemoryGoalTest, GivesBackNoMoreThanItHolds) {
  MemoryGoal goal(Add(kGiB));
  EXPECT_EQ(goal.Decide(At(0s, 15 * kGiB, 0)), kGiB - kReserve - kMargin);
  EXPECT_EQ(goal.Decide(At(1s, 16 * kGiB - 10 * kMiB, 10 * kMiB)), 0U);
  EXPECT_EQ(goal.give_backs(), 1U);
  EXPECT_EQ(goal.Decide(At(2s, 16 * kGiB, 0)), 0U);
  EXPECT_EQ(goal.give_backs(), 1U) << "there was nothing to give";
}

TEST(MemoryGoalTest, TakesAgainWhenOthersHaveLeftRoomForAWhile) {
  MemoryGoal goal(Add(8 * kGiB));
  goal.Decide(At(0s, 4 * kGiB, 0));
  const uint64_t held = goal.Decide(At(1s, 9 * kGiB, 8 * kGiB - kGiB));
  ASSERT_EQ(goal.give_backs(), 1U);
  EXPECT_EQ(goal.Decide(At(2s, 4 * kGiB, held)), held) << "too soon";
  EXPECT_EQ(goal.Decide(At(4s, 16 * kGiB - held - kReserve - kMargin, held)), held) << "no room";
  EXPECT_EQ(goal.Decide(At(8900ms, 4 * kGiB, held)), held) << "4.9 s after there was no room";
  EXPECT_EQ(goal.Decide(At(9s, 4 * kGiB, held)), 8 * kGiB);
  EXPECT_EQ(goal.withheld(), 0U);
}

TEST(MemoryGoalTest, ReserveCountsTwiceWhileOthersStall) {
  MemoryGoal goal(Add(8 * kGiB));
  goal.Decide(At(0s, 4 * kGiB, 0));
  const uint64_t others = 8 * kGiB - kReserve - 100 * kMiB;
  MemoryMoment stalled = At(3s, others, 8 * kGiB);
  stalled.stalled = true;
  const uint64_t held = goal.Decide(stalled);
  EXPECT_EQ(held, 8 * kGiB - (kReserve - 100 * kMiB) - kMargin);
  EXPECT_EQ(goal.give_backs(), 1U);
  EXPECT_EQ(goal.Decide(At(62s, others, held)), held);
  EXPECT_EQ(goal.Decide(At(64s, others, held)), 8 * kGiB) << "nobody stalled for 60 s";
}

TEST(MemoryGoalTest, StallsOfItsOwnFillAndStallsWithoutNeedDoNotCount) {
  MemoryGoal goal(Add(8 * kGiB));
  MemoryMoment moment = At(3s, 8 * kGiB - kReserve - 100 * kMiB, 8 * kGiB - 2 * kMiB);
  moment.filling = moment.stalled = true;
  EXPECT_EQ(goal.Decide(moment), 8 * kGiB);
  moment.filling = false;
  moment.elapsed = 4s;
  EXPECT_EQ(goal.Decide(moment), 8 * kGiB) << "the fill was only a second ago";
  moment = At(10s, 4 * kGiB, 8 * kGiB);
  moment.stalled = true;
  EXPECT_EQ(goal.Decide(moment), 8 * kGiB) << "there is room";
  EXPECT_EQ(goal.give_backs(), 0U);
}

TEST(MemoryGoalTest, LooksSoonerTheLessThereIs) {
  MemoryGoal goal(Add(kGiB));
  goal.Decide(At(0s, 4 * kGiB, 0));
  EXPECT_EQ(goal.NextLook(), 250ms);
  goal.Decide(At(1s, 16 * kGiB - kGiB - 512 * kMiB, kGiB));
  EXPECT_EQ(goal.NextLook(), 125ms);
  MemoryMoment filling = At(2s, 16 * kGiB - kGiB - 512 * kMiB, kGiB);
  filling.filling = true;
  goal.Decide(filling);
  EXPECT_EQ(goal.NextLook(), 15625us);
  goal.Decide(At(3s, 15 * kGiB, kGiB));
  EXPECT_EQ(goal.NextLook(), 10ms);
}

TEST(MemoryGoalTest, LooksAsOftenAsTheRampNeeds) {
  MemoryTerms terms = Add(kGiB);
  terms.ramp = 16s;
  MemoryGoal goal(terms);
  goal.Decide(At(1s, kGiB, 0));
  EXPECT_EQ(goal.NextLook(), 31250us) << "2 MiB at 64 MiB/s";
  goal.Decide(At(17s, kGiB, kGiB));
  EXPECT_EQ(goal.NextLook(), 250ms);
}

// Others take and free at random, sometimes faster than looks come; filling takes its time.
TEST(MemoryGoalTest, KeepsTheReserveOnASimulatedHost) {
  uint32_t give_backs = 0;
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    const bool absolute = seed % 2 == 1;
    MemoryGoal goal({.absolute = absolute, .bytes = 12 * kGiB, .reserve = kReserve});
    uint64_t others = 3 * kGiB + 512 * kMiB;
    uint64_t held = 0;
    uint64_t hold = 0;
    nanoseconds now{0};
    for (int look = 0; look < 4000; ++look) {
      const uint64_t room = 16 * kGiB - others - held;
      const bool calm = look % 1000 > 400;
      if (!calm && random() % 2 == 0) {
        others += std::min(random() % (64 * kMiB), room);
      } else if (!calm) {
        others -= std::min(random() % (64 * kMiB), others - kGiB);
      }
      MemoryMoment moment = At(now, others, held);
      moment.filling = held < hold;
      hold = goal.Decide(moment);
      const uint64_t left = 16 * kGiB - others - std::min(held, hold);
      ASSERT_TRUE(left >= kReserve || hold == 0) << "seed " << seed << ", look " << look;
      held = hold < held ? hold : std::min(hold, held + 128 * kMiB);
      ASSERT_GE(16 * kGiB - others - held, std::min(left, kReserve));
      now += goal.NextLook();
      if (look % 1000 == 999) {
        const uint64_t wanted = absolute ? 12 * kGiB - std::min(others, 12 * kGiB) : 12 * kGiB;
        const uint64_t possible = 16 * kGiB - others - kReserve;
        const uint64_t least = std::min(wanted, possible - std::min(possible, 2 * kMargin));
        ASSERT_GE(held + 16 * kMiB, least) << "seed " << seed << ", look " << look;
        ASSERT_LE(held, wanted + 16 * kMiB);
      }
    }
    give_backs += goal.give_backs();
  }
  EXPECT_GT(give_backs, 50U) << "the reserve was hardly ever touched: this tests nothing";
}

}  // namespace
}  // namespace faultd

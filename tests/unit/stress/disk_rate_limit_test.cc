#include "stress/disk_rate_limit.h"

#include <gtest/gtest.h>

namespace faultd {
namespace {

using namespace std::chrono_literals;

const RateLimit::Time kBegin = RateLimit::Time(1h);

TEST(DiskRateLimit, WhoeverKeepsUpIsSpreadEvenly) {
  RateLimit limit(1000, kBegin);
  RateLimit::Time now = kBegin;
  for (int i = 0; i < 100; ++i) {
    now = limit.Next(now);
    EXPECT_EQ(now, kBegin + i * 1ms);
  }
}

TEST(DiskRateLimit, TheRateIsExactWhereTheIntervalIsNoWholeNumberOfNanoseconds) {
  RateLimit limit(3'000'000, kBegin);
  RateLimit::Time now = kBegin;
  for (int i = 0; i <= 3'000'000; ++i) now = limit.Next(now);
  EXPECT_NEAR(std::chrono::duration<double>(now - kBegin).count(), 1, 1e-6);
}

TEST(DiskRateLimit, SeveralThreadsShareTheRate) {
  RateLimit limit(1000, kBegin);
  // All four ask at once, again and again: each is given a turn of its own.
  for (int i = 0; i < 40; ++i) EXPECT_EQ(limit.Next(kBegin), kBegin + i * 1ms);
}

TEST(DiskRateLimit, WhatIsSleptTooLongIsCaughtUp) {
  RateLimit limit(1000, kBegin);
  RateLimit::Time now = kBegin;
  // Every wake-up is 300 us late.
  for (int i = 0; i < 1000; ++i) now = limit.Next(now) + 300us;
  EXPECT_EQ(now, kBegin + 999ms + 300us);
}

TEST(DiskRateLimit, AStuckDiskIsNotFloodedAfterwards) {
  RateLimit limit(1000, kBegin);
  (void)limit.Next(kBegin);
  const RateLimit::Time later = kBegin + 60s;
  int at_once = 0;
  while (limit.Next(later) == later) ++at_once;
  EXPECT_EQ(at_once, 11);  // 10 ms worth, and the one that is due
}

TEST(DiskRateLimit, LessThanOneASecondIsPossible) {
  RateLimit limit(0.25, kBegin);
  EXPECT_EQ(limit.Next(kBegin), kBegin);
  EXPECT_EQ(limit.Next(kBegin), kBegin + 4s);
}

}  // namespace
}  // namespace faultd

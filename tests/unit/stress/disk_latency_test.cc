#include "stress/disk_latency.h"

#include <gtest/gtest.h>

namespace faultd {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

TEST(DiskLatency, EveryTimeIsCloseToTheMiddleOfItsBucket) {
  for (int64_t ns = 0; ns < 500'000'000'000; ns += 1 + ns / 97) {
    const nanoseconds middle = LatencyBuckets::Middle(LatencyBuckets::Of(nanoseconds(ns)));
    ASSERT_LE(std::abs(middle.count() - ns), ns / 32) << ns;
  }
}

TEST(DiskLatency, BucketsAreInTheOrderOfTheirTimes) {
  size_t last = 0;
  for (int64_t ns = 0; ns < 500'000'000'000; ns += 1 + ns / 97) {
    const size_t bucket = LatencyBuckets::Of(nanoseconds(ns));
    ASSERT_GE(bucket, last) << ns;
    last = bucket;
  }
}

TEST(DiskLatency, TimesOutsideTheRangeGoIntoTheOutermostBuckets) {
  EXPECT_EQ(LatencyBuckets::Of(-5ns), 0u);
  EXPECT_EQ(LatencyBuckets::Of((1ns * (int64_t{1} << 40)) - 1ns), LatencyBuckets::kCount - 1);
  EXPECT_EQ(LatencyBuckets::Of(24h), LatencyBuckets::kCount - 1);
}

TEST(DiskLatency, QuantilesAreByNearestRank) {
  LatencyRecorder recorder;
  for (int i = 1; i <= 50; ++i) recorder.Add(nanoseconds(i));
  LatencyCounts counts;
  recorder.AddTo(counts);
  EXPECT_EQ(counts.total(), 50u);
  EXPECT_EQ(counts.Quantile(0.5), 25ns);
  EXPECT_EQ(counts.Quantile(0.99), 50ns);
  EXPECT_EQ(counts.Quantile(0), 1ns);
}

TEST(DiskLatency, WithoutOperationsEveryQuantileIsZero) {
  EXPECT_EQ(LatencyCounts().Quantile(0.99), 0ns);
}

TEST(DiskLatency, ADifferenceHasOnlyWhatCameBetween) {
  LatencyRecorder recorder;
  for (int i = 0; i < 1000; ++i) recorder.Add(10ns);
  LatencyCounts earlier;
  recorder.AddTo(earlier);
  recorder.Add(60ns);
  LatencyCounts later;
  recorder.AddTo(later);
  const LatencyCounts between = later - earlier;
  EXPECT_EQ(between.total(), 1u);
  EXPECT_EQ(between.Quantile(0.5), 60ns);
}

TEST(DiskLatency, TheLongestIsTakenOnce) {
  LatencyRecorder recorder;
  recorder.Add(3ms);
  recorder.Add(7ms);
  recorder.Add(5ms);
  EXPECT_EQ(recorder.TakeLongest(), 7ms);
  EXPECT_EQ(recorder.TakeLongest(), 0ms);
  recorder.Add(1ms);
  EXPECT_EQ(recorder.TakeLongest(), 1ms);
}

}  // namespace
}  // namespace faultd

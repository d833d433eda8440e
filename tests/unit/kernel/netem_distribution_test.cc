#include "kernel/netem_distribution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace faultd {
namespace {

constexpr double kScale = 8192;

std::vector<double> Deviations(DelayDistribution distribution) {
  std::vector<double> values;
  for (const int16_t entry : NetemDistributionTable(distribution)) values.push_back(entry / kScale);
  return values;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// The n-th central moment.
double Moment(const std::vector<double>& values, int n) {
  const double mean = Mean(values);
  double sum = 0;
  for (double value : values) sum += std::pow(value - mean, n);
  return sum / static_cast<double>(values.size());
}

TEST(NetemDistributionTest, TablesRiseAndHaveMean0) {
  for (const auto distribution : {DelayDistribution::kUniform, DelayDistribution::kNormal,
                                  DelayDistribution::kPareto, DelayDistribution::kParetonormal}) {
    const std::vector<double> values = Deviations(distribution);
    EXPECT_EQ(values.size(), 4096U);
    EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
    EXPECT_NEAR(Mean(values), 0, 0.001);
  }
}

TEST(NetemDistributionTest, TheDeviationIsTheJitter) {
  for (const auto distribution :
       {DelayDistribution::kNormal, DelayDistribution::kPareto, DelayDistribution::kParetonormal}) {
    EXPECT_NEAR(std::sqrt(Moment(Deviations(distribution), 2)), 1, 0.001);
  }
}

TEST(NetemDistributionTest, UniformSpansTheJitter) {
  const std::vector<double> values = Deviations(DelayDistribution::kUniform);
  EXPECT_NEAR(values.front(), -1, 0.001);
  EXPECT_NEAR(values.back(), 1, 0.001);
  EXPECT_NEAR(values[1024], -0.5, 0.001);
}

TEST(NetemDistributionTest, NormalHasTheKnownQuantiles) {
  const std::vector<double> values = Deviations(DelayDistribution::kNormal);
  EXPECT_NEAR(values[4096 * 16 / 100], -0.9945, 0.002);
  EXPECT_NEAR(values[2048], 0, 0.002);
  EXPECT_NEAR(values[4096 * 975 / 1000], 1.96, 0.005);
  EXPECT_NEAR(Moment(values, 3), 0, 0.01);
}

TEST(NetemDistributionTest, ParetoHasALongTailToOneSide) {
  const std::vector<double> pareto = Deviations(DelayDistribution::kPareto);
  const std::vector<double> mixed = Deviations(DelayDistribution::kParetonormal);
  EXPECT_GT(pareto.front(), -1);
  EXPECT_NEAR(pareto.back(), 4, 0.001);
  EXPECT_GT(Moment(pareto, 3), Moment(mixed, 3));
  EXPECT_GT(Moment(mixed, 3), 1);
}

}  // namespace
}  // namespace faultd

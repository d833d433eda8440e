#include "kernel/netem_distribution.h"

#include <linux/pkt_sched.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace faultd {
namespace {

constexpr size_t kEntries = 4096;
constexpr double kCutOff = std::numeric_limits<int16_t>::max() / double{NETEM_DIST_SCALE};
constexpr double kParetoShape = 3;

using Quantiles = std::array<double, kEntries>;
using Table = std::array<int16_t, kEntries>;

// Probability in the middle of an entry's share.
double Probability(size_t entry) { return (static_cast<double>(entry) + 0.5) / kEntries; }

Quantiles Uniform() {
  Quantiles result;
  for (size_t i = 0; i < kEntries; ++i) result[i] = 2 * Probability(i) - 1;
  return result;
}

// Newton's method, from the quantile before.
Quantiles Normal() {
  Quantiles result;
  double x = -4;
  for (size_t i = 0; i < kEntries; ++i) {
    double step = 1;
    for (int round = 0; round < 50 && std::abs(step) > 1e-9; ++round) {
      const double below = 0.5 * std::erfc(-x / std::numbers::sqrt2);
      const double density = std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
      step = std::clamp((Probability(i) - below) / density, -0.5, 0.5);
      x += step;
    }
    result[i] = x;
  }
  return result;
}

Quantiles Pareto() {
  Quantiles result;
  for (size_t i = 0; i < kEntries; ++i) {
    result[i] = std::pow(1 - Probability(i), -1 / kParetoShape);
  }
  return result;
}

struct Moments {
  double mean = 0;
  double deviation = 0;
};

Moments MomentsOf(const Quantiles& values) {
  double sum = 0;
  double squares = 0;
  for (double value : values) sum += value;
  const double mean = sum / kEntries;
  for (double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / kEntries)};
}

// Mean 0 and standard deviation 1. Cutting off a long tail moves both, so it takes some rounds.
Quantiles Standardise(Quantiles values) {
  for (int round = 0; round < 50; ++round) {
    const Moments moments = MomentsOf(values);
    for (double& value : values) {
      value = std::clamp((value - moments.mean) / moments.deviation, -kCutOff, kCutOff);
    }
  }
  return values;
}

Quantiles ParetoNormal() {
  const Quantiles normal = Standardise(Normal());
  Quantiles result = Standardise(Pareto());
  for (size_t i = 0; i < kEntries; ++i) result[i] = 0.25 * normal[i] + 0.75 * result[i];
  return Standardise(result);
}

Table ToTable(const Quantiles& values) {
  Table table;
  for (size_t i = 0; i < kEntries; ++i) {
    table[i] = static_cast<int16_t>(std::lround(values[i] * NETEM_DIST_SCALE));
  }
  return table;
}

}  // namespace

std::span<const int16_t> NetemDistributionTable(DelayDistribution distribution) {
  switch (distribution) {
    case DelayDistribution::kNormal: {
      static const Table table = ToTable(Standardise(Normal()));
      return table;
    }
    case DelayDistribution::kPareto: {
      static const Table table = ToTable(Standardise(Pareto()));
      return table;
    }
    case DelayDistribution::kParetonormal: {
      static const Table table = ToTable(ParetoNormal());
      return table;
    }
    case DelayDistribution::kUniform:
      break;
  }
  static const Table table = ToTable(Uniform());
  return table;
}

}  // namespace faultd

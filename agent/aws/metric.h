#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace faultd {

// What makes a metric of CloudWatch one time series.
struct MetricSeries {
  std::string name_space;
  std::string name;
  std::vector<std::pair<std::string, std::string>> dimensions;  // name, value
  std::string unit = "None";                                    // "Count", "Milliseconds", …
  int resolution_s = 60;                                        // or 1: high resolution

  friend auto operator<=>(const MetricSeries&, const MetricSeries&) = default;
};

struct MetricSample {
  MetricSeries series;
  double value = 0;
  BootTime time{};
};

// INVALID_ARGUMENT unless CloudWatch takes it: 1 to 255 characters, neither "AWS/…" nor ":…".
Status CheckNamespace(std::string_view name_space);

// The series with everything replaced or cut that CloudWatch would refuse, and the whole request
// with it: a Name tag may be empty or have any character. Characters become "_", an empty value
// "-".
MetricSeries Sanitised(MetricSeries series);

// NaN, infinity and beyond ±2^360 are not.
bool IsMetricValue(double value);

}  // namespace faultd

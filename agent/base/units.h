#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/status.h"

namespace faultd {

// A duration as people and AWS write it: "90s", "1h30m", "250ms", "10us", "1.5s", or ISO 8601
// "PT5M", "PT1H30M", "P1D". A bare number is refused: it has no unit. Not negative.
StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text);

// Shortest form that ParseDuration reads back exactly: "1h30m", "100ms", "0s".
std::string FormatDuration(std::chrono::nanoseconds duration);

// A number from 0 to 100, with or without a "%" behind it.
StatusOr<double> ParsePercent(std::string_view text);

}  // namespace faultd

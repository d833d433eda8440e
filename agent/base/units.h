#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace faultd {

// A duration as people and AWS write it: "90s", "1h30m", "250ms", "10us", "1.5s", or ISO 8601
// "PT5M", "PT1H30M", "P1D". A bare number is refused: it has no unit. Not negative.
StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text);

// Shortest form that ParseDuration reads back exactly: "1h30m", "100ms", "0s".
std::string FormatDuration(std::chrono::nanoseconds duration);

// A number of bytes: "4GiB", "512M", "1.5TB" or "4096". K, M, G and T stand for KiB, MiB, GiB and
// TiB (powers of 1024); KB, MB, GB and TB are powers of 1000. Not negative, below 2^63.
StatusOr<uint64_t> ParseSize(std::string_view text);

// For people: "4GiB", "1.25MiB", "123B"; three digits at least.
std::string FormatSize(uint64_t bytes);

// A number from 0 to 100, with or without a "%" behind it.
StatusOr<double> ParsePercent(std::string_view text);

}  // namespace faultd

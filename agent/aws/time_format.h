#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/status.h"

// The ways AWS writes points in time, all UTC. Points in time are counted from the Unix epoch.
namespace faultd {

// "20150830T123600Z", as X-Amz-Date has it.
std::string FormatBasicTime(std::chrono::nanoseconds since_epoch);

// "2015-08-30T12:36:00Z".
std::string FormatTime(std::chrono::nanoseconds since_epoch);

// "2015-08-30T12:36:00Z", with or without a fraction of seconds, or an offset such as "+00:00".
StatusOr<std::chrono::nanoseconds> ParseTime(std::string_view text);

// "Sun, 30 Aug 2015 12:36:00 GMT" (RFC 9110 section 5.6.7, the preferred form).
StatusOr<std::chrono::nanoseconds> ParseHttpDate(std::string_view text);

}  // namespace faultd

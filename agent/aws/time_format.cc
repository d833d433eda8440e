#include "aws/time_format.h"

#include <cstdint>

#include "absl/time/time.h"

namespace faultd {
namespace {

std::string Format(absl::string_view format, std::chrono::nanoseconds since_epoch) {
  return absl::FormatTime(format, absl::UnixEpoch() + absl::FromChrono(since_epoch),
                          absl::UTCTimeZone());
}

StatusOr<std::chrono::nanoseconds> Parse(absl::string_view format, std::string_view text,
                                         std::string_view expected) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(format, ToAbsl(text), absl::UTCTimeZone(), &time, &error)) {
    return absl::InvalidArgumentError(
        StrCat("\"", text, "\" is no time of the form ", expected, ": ", error));
  }
  // Differences of what it returns must not overflow.
  if (time < absl::UnixEpoch() || time >= absl::FromUnixNanos(INT64_MAX)) {
    return absl::InvalidArgumentError(StrCat("\"", text, "\" is no time from 1970 to 2262"));
  }
  return absl::ToChronoNanoseconds(time - absl::UnixEpoch());
}

}  // namespace

std::string FormatBasicTime(std::chrono::nanoseconds since_epoch) {
  return Format("%Y%m%dT%H%M%SZ", since_epoch);
}

std::string FormatTime(std::chrono::nanoseconds since_epoch) {
  return Format("%Y-%m-%dT%H:%M:%SZ", since_epoch);
}

StatusOr<std::chrono::nanoseconds> ParseTime(std::string_view text) {
  return Parse(absl::RFC3339_full, text, "2015-08-30T12:36:00Z");
}

StatusOr<std::chrono::nanoseconds> ParseHttpDate(std::string_view text) {
  return Parse("%a, %d %b %Y %H:%M:%S GMT", text, "Sun, 30 Aug 2015 12:36:00 GMT");
}

}  // namespace faultd

#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/status.h"

namespace faultd {

// Hours of days of the week in a time zone, "Mon-Fri 09:00-16:00 Europe/Paris". A value.
class TimeWindow {
 public:
  // One day or a range of days (Fri-Mon goes over the end of the week), a range of times within a
  // day (24:00 is its end), and the IANA name of the zone; INVALID_ARGUMENT says what was expected.
  static StatusOr<TimeWindow> Parse(std::string_view text);

  // When the window that is open at `time` closes; nullopt when none is. Where the clocks are
  // changed, a time that comes twice is taken as the first, and one that does not come as the
  // moment of the change.
  std::optional<absl::Time> EndAt(absl::Time time) const;

  const std::string& text() const { return text_; }

 private:
  TimeWindow() = default;

  std::string text_;
  std::bitset<7> days_;  // absl::Weekday, from Monday on
  int first_minute_ = 0;
  int last_minute_ = 0;  // the first one that is not in it
  absl::TimeZone zone_;
};

// Until when one or other of the windows is open without a break; nullopt when none is at `time`.
// Looks no farther than `horizon`.
std::optional<absl::Time> OpenUntil(const std::vector<TimeWindow>& windows, absl::Time time,
                                    absl::Time horizon);

}  // namespace faultd

#include "engine/time_window.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "base/strings.h"

namespace faultd {
namespace {

constexpr size_t kDaysOfWeek = 7;

// In the order of absl::Weekday.
std::optional<size_t> ParseDay(std::string_view text) {
  constexpr std::array<std::string_view, kDaysOfWeek> kDays = {"Mon", "Tue", "Wed", "Thu",
                                                               "Fri", "Sat", "Sun"};
  const auto* found = std::find(kDays.begin(), kDays.end(), text);
  if (found == kDays.end()) return std::nullopt;
  return static_cast<size_t>(found - kDays.begin());
}

std::optional<std::bitset<kDaysOfWeek>> ParseDays(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = ParseDay(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : ParseDay(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  std::bitset<kDaysOfWeek> days;
  for (size_t day = *first;; day = (day + 1) % kDaysOfWeek) {
    days.set(day);
    if (day == *last) return days;
  }
}

// "09:30" in minutes, up to "24:00".
std::optional<int> ParseTime(std::string_view text) {
  constexpr std::string_view kForm = "00:00";
  if (text.size() != kForm.size() || text[2] != ':') return std::nullopt;
  for (size_t i : {0U, 1U, 3U, 4U}) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) return std::nullopt;
  }
  const int hours = (text[0] - '0') * 10 + text[1] - '0';
  const int minutes = (text[3] - '0') * 10 + text[4] - '0';
  const int time = hours * 60 + minutes;
  if (minutes > 59 || time > 24 * 60) return std::nullopt;
  return time;
}

// absl would take paths of files as well.
bool IsZoneName(std::string_view text) {
  return !text.empty() && absl::ascii_isalpha(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '_' ||
                  c == '-' || c == '+';
         });
}

}  // namespace

StatusOr<TimeWindow> TimeWindow::Parse(std::string_view text) {
  Status malformed = absl::InvalidArgumentError(
      StrCat("\"", text, "\" is not a window such as \"Mon-Fri 09:00-16:00 Europe/Paris\""));
  const std::vector<std::string> words = absl::StrSplit(ToAbsl(text), ' ', absl::SkipEmpty());
  if (words.size() != 3) return malformed;
  const auto days = ParseDays(words[0]);
  const size_t dash = std::min(words[1].find('-'), words[1].size() - 1);
  const auto first = ParseTime(std::string_view(words[1]).substr(0, dash));
  const auto last = ParseTime(std::string_view(words[1]).substr(dash + 1));
  if (!days || !first || !last || !IsZoneName(words[2])) return malformed;
  if (*first >= *last) {
    return absl::InvalidArgumentError(StrCat(
        "\"", text, "\" ends before it begins; write two windows, up to 24:00 and from 00:00 on"));
  }
  TimeWindow window;
  if (!absl::LoadTimeZone(words[2], &window.zone_)) {
    return absl::InvalidArgumentError(
        StrCat("\"", words[2],
               "\" is no time zone that this host knows; write the name of a file below "
               "/usr/share/zoneinfo (package tzdata), or UTC"));
  }
  window.text_ = absl::StrJoin(words, " ");
  window.days_ = *days;
  window.first_minute_ = *first;
  window.last_minute_ = *last;
  return window;
}

std::optional<absl::Time> TimeWindow::EndAt(absl::Time time) const {
  const absl::CivilDay day(zone_.At(time).cs);
  if (!days_.test(static_cast<size_t>(absl::GetWeekday(day)))) return std::nullopt;
  const absl::CivilMinute midnight(day);
  const absl::Time begin = absl::FromCivil(midnight + first_minute_, zone_);
  const absl::Time end = absl::FromCivil(midnight + last_minute_, zone_);
  return begin <= time && time < end ? std::optional(end) : std::nullopt;
}

std::optional<absl::Time> OpenUntil(const std::vector<TimeWindow>& windows, absl::Time time,
                                    absl::Time horizon) {
  absl::Time until = time;
  bool longer = false;
  do {
    longer = false;
    for (const TimeWindow& window : windows) {
      if (const auto end = window.EndAt(until)) {
        until = *end;
        longer = true;
      }
    }
  } while (longer && until < horizon);
  return until > time ? std::optional(until) : std::nullopt;
}

}  // namespace faultd

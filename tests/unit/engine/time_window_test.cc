#include "engine/time_window.h"

#include <gtest/gtest.h>

namespace faultd {
namespace {

TimeWindow Window(std::string_view text) {
  auto window = TimeWindow::Parse(text);
  EXPECT_TRUE(window.ok()) << window.status();
  return *std::move(window);
}

// "2026-03-28T09:00:00+01:00".
absl::Time At(std::string_view text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, std::string(text), &time, &error)) << error;
  return time;
}

std::string ErrorOf(std::string_view text) {
  return std::string(TimeWindow::Parse(text).status().message());
}

TEST(TimeWindow, IsOpenOnItsDaysAndHours) {
  const TimeWindow window = Window("Mon-Fri 09:00-16:30 Europe/Paris");
  const absl::Time end = At("2026-01-09T16:30:00+01:00");  // a Friday
  EXPECT_EQ(window.EndAt(At("2026-01-09T08:59:59+01:00")), std::nullopt);
  EXPECT_EQ(window.EndAt(At("2026-01-09T09:00:00+01:00")), end);
  EXPECT_EQ(window.EndAt(At("2026-01-09T16:29:59+01:00")), end);
  EXPECT_EQ(window.EndAt(end), std::nullopt);
  EXPECT_EQ(window.EndAt(At("2026-01-10T12:00:00+01:00")), std::nullopt) << "Saturday";
}

TEST(TimeWindow, DaysAreThoseOfTheZone) {
  const TimeWindow window = Window("Mon 00:00-24:00 Asia/Tokyo");
  EXPECT_EQ(window.EndAt(At("2026-01-04T15:00:00Z")), At("2026-01-05T15:00:00Z"));
  EXPECT_EQ(window.EndAt(At("2026-01-05T15:00:00Z")), std::nullopt);
}

TEST(TimeWindow, DaysMayGoOverTheEndOfTheWeek) {
  const TimeWindow window = Window("Sat-Mon 10:00-11:00 UTC");
  for (const char* in : {"2026-01-10T10:30:00Z", "2026-01-11T10:30:00Z", "2026-01-12T10:30:00Z"})
    EXPECT_TRUE(window.EndAt(At(in))) << in;
  for (const char* out : {"2026-01-09T10:30:00Z", "2026-01-13T10:30:00Z"})
    EXPECT_FALSE(window.EndAt(At(out))) << out;
}

TEST(TimeWindow, FollowsTheChangeToSummerTime) {
  // On 29 March 2026 it is 03:00 after 01:59:59 in Paris.
  const TimeWindow day = Window("Mon-Sun 09:00-16:00 Europe/Paris");
  EXPECT_EQ(day.EndAt(At("2026-03-28T08:00:00Z")), At("2026-03-28T15:00:00Z"));
  EXPECT_EQ(day.EndAt(At("2026-03-29T07:00:00Z")), At("2026-03-29T14:00:00Z"));
  const TimeWindow night = Window("Mon-Sun 01:30-02:30 Europe/Paris");
  EXPECT_EQ(night.EndAt(At("2026-03-29T00:30:00Z")), At("2026-03-29T01:00:00Z"))
      << "02:30 does not come: it ends at the change";
  EXPECT_EQ(Window("Sun 02:00-02:59 Europe/Paris").EndAt(At("2026-03-29T01:00:00Z")), std::nullopt);
}

TEST(TimeWindow, EndsTheFirstTimeWhenItsEndComesTwice) {
  // On 25 October 2026 it is 02:00 again after 02:59:59 in Paris.
  const TimeWindow night = Window("Sun 01:00-02:30 Europe/Paris");
  EXPECT_EQ(night.EndAt(At("2026-10-25T00:00:00Z")), At("2026-10-25T00:30:00Z"));
  EXPECT_EQ(night.EndAt(At("2026-10-25T01:10:00Z")), std::nullopt) << "02:10, the second time";
}

TEST(TimeWindow, OneThatFollowsTheOtherKeepsItOpen) {
  const std::vector<TimeWindow> windows = {
      Window("Sat 00:00-06:00 UTC"), Window("Fri 22:00-24:00 UTC"), Window("Sat 05:00-07:00 UTC")};
  const absl::Time start = At("2026-01-09T22:00:00Z");
  const absl::Time horizon = start + absl::Hours(7 * 24);
  EXPECT_EQ(OpenUntil(windows, start, horizon), At("2026-01-10T07:00:00Z"));
  EXPECT_EQ(OpenUntil(windows, At("2026-01-09T21:59:59Z"), horizon), std::nullopt);
  EXPECT_EQ(OpenUntil({Window("Mon-Sun 00:00-24:00 UTC")}, start, horizon),
            At("2026-01-17T00:00:00Z"))
      << "no farther than asked for";
  EXPECT_EQ(OpenUntil(windows, start, start), At("2026-01-10T00:00:00Z"));
}

TEST(TimeWindow, SaysWhatIsWrong) {
  for (const std::string text :
       {"", "Mon-Fri 09:00-16:00", "Mo 09:00-16:00 UTC", "Mon-Foo 09:00-16:00 UTC",
        "Mon 9:00-16:00 UTC", "Mon 09:00 UTC", "Mon 09:60-16:00 UTC", "Mon 09:00-24:01 UTC",
        "Mon 09:00-16:00 /etc/passwd", "Mon 09:00-16:00 ../UTC", "Mon 09:00-16:00 file:/x"}) {
    EXPECT_EQ(ErrorOf(text),
              "\"" + text + "\" is not a window such as \"Mon-Fri 09:00-16:00 Europe/Paris\"");
  }
  EXPECT_EQ(ErrorOf("Mon 22:00-06:00 UTC"),
            "\"Mon 22:00-06:00 UTC\" ends before it begins; write two windows, up to 24:00 and "
            "from 00:00 on");
  EXPECT_EQ(ErrorOf("Mon 09:00-16:00 Europe/Lutetia"),
            "\"Europe/Lutetia\" is no time zone that this host knows; write the name of a file "
            "below /usr/share/zoneinfo (package tzdata), or UTC");
}

}  // namespace
}  // namespace faultd

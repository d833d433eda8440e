#include "base/units.h"

#include <gtest/gtest.h>

#include <random>

namespace faultd {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

nanoseconds Parsed(std::string_view text) {
  auto duration = ParseDuration(text);
  EXPECT_TRUE(duration.ok()) << duration.status();
  return duration.ok() ? *duration : -1ns;
}

TEST(ParseDurationTest, AsPeopleWriteIt) {
  EXPECT_EQ(Parsed("90s"), 90s);
  EXPECT_EQ(Parsed("1h30m"), 90min);
  EXPECT_EQ(Parsed("250ms"), 250ms);
  EXPECT_EQ(Parsed("10us"), 10us);
  EXPECT_EQ(Parsed("7ns"), 7ns);
  EXPECT_EQ(Parsed("1.5s"), 1500ms);
  EXPECT_EQ(Parsed("2d"), 48h);
  EXPECT_EQ(Parsed("0s"), 0s);
}

TEST(ParseDurationTest, AsAwsWritesIt) {
  EXPECT_EQ(Parsed("PT5M"), 5min);
  EXPECT_EQ(Parsed("PT1H30M"), 90min);
  EXPECT_EQ(Parsed("P1D"), 24h);
  EXPECT_EQ(Parsed("P1DT2H"), 26h);
  EXPECT_EQ(Parsed("PT0.5S"), 500ms);
}

TEST(ParseDurationTest, RefusesTheRest) {
  for (const std::string text : {"", "5", "s", "5 s", " 5s", "-5s", "5x", "1h30", "1,5s", "..5s",
                                 "P", "PT", "P1M", "P1Y", "pt5m", "P1W", "1e3s", "inf", "nans"}) {
    auto duration = ParseDuration(text);
    ASSERT_FALSE(duration.ok()) << text;
    EXPECT_EQ(
        duration.status().message(),
        "\"" + text + "\" is not a duration: write 90s, 1h30m, 250ms or ISO 8601 such as PT5M");
  }
  EXPECT_EQ(ParseDuration("999999999h").status().message(),
            "\"999999999h\" is too long a duration");
}

TEST(FormatDurationTest, IsTheShortestForm) {
  EXPECT_EQ(FormatDuration(0s), "0s");
  EXPECT_EQ(FormatDuration(90min), "1h30m");
  EXPECT_EQ(FormatDuration(100ms), "100ms");
  EXPECT_EQ(FormatDuration(26h), "1d2h");
  EXPECT_EQ(FormatDuration(1s + 5ns), "1s5ns");
  EXPECT_EQ(FormatDuration(-5s), "-5s");
}

TEST(FormatDurationTest, IsReadBackExactly) {
  std::mt19937_64 random(42);
  for (int round = 0; round < 20000; ++round) {
    const nanoseconds duration(static_cast<int64_t>(random() >> (2 + random() % 60)));
    ASSERT_EQ(Parsed(FormatDuration(duration)), duration) << duration.count();
  }
}

TEST(ParsePercentTest, ReadsNumbersFrom0To100) {
  EXPECT_EQ(*ParsePercent("7"), 7);
  EXPECT_EQ(*ParsePercent("7.5%"), 7.5);
  EXPECT_EQ(*ParsePercent("0"), 0);
  EXPECT_EQ(*ParsePercent("100%"), 100);
  for (const std::string text : {"", "%", "-1", "100.01", "nan", "inf", "7%%", "seven"}) {
    EXPECT_EQ(ParsePercent(text).status().message(),
              "\"" + text + "\" is not a percentage: write a number from 0 to 100");
  }
}

TEST(ParseSizeTest, ReadsBytesAndUnits) {
  EXPECT_EQ(*ParseSize("0"), 0u);
  EXPECT_EQ(*ParseSize("4096"), 4096u);
  EXPECT_EQ(*ParseSize("9223372036854775807"), 9223372036854775807u);
  EXPECT_EQ(*ParseSize("7B"), 7u);
  EXPECT_EQ(*ParseSize("4GiB"), uint64_t{4} << 30);
  EXPECT_EQ(*ParseSize("4G"), uint64_t{4} << 30);
  EXPECT_EQ(*ParseSize("1.5TB"), 1'500'000'000'000u);
  EXPECT_EQ(*ParseSize("0.5K"), 512u);
  for (const std::string text : {"", "-1", "4 GiB", "4gib", "GiB", "1.5", "1e3",
                                 "9223372036854775808", "9999999TiB", "1..5M", "4GiBs"}) {
    EXPECT_EQ(ParseSize(text).status().message(),
              "\"" + text + "\" is not a size: write 4GiB, 512MiB or a number of bytes");
  }
}

TEST(FormatSizeTest, IsShort) {
  EXPECT_EQ(FormatSize(0), "0B");
  EXPECT_EQ(FormatSize(1023), "1023B");
  EXPECT_EQ(FormatSize(uint64_t{4} << 30), "4GiB");
  EXPECT_EQ(FormatSize(1'310'720), "1.25MiB");
  EXPECT_EQ(FormatSize(1'000'000'000), "954MiB");
  EXPECT_EQ(FormatSize(~uint64_t{0}), "16EiB");
}

}  // namespace
}  // namespace faultd

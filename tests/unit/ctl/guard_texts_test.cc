#include "ctl/guard_texts.h"

#include <gtest/gtest.h>

#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"

namespace faultd::ctl {
namespace {

struct Case {
  const char* text;
  const char* guard;
};
constexpr Case kCases[] = {
    {"probe:db-connectivity", R"(probe { probe: "db-connectivity" })"},
    {"probe:db:5", R"(probe { probe: "db" consecutive: 5 })"},
    {"probe-up:db", R"(probe { probe: "db" state: PROBE_STATE_UP })"},
    {"probe-up:db:2", R"(probe { probe: "db" state: PROBE_STATE_UP consecutive: 2 })"},
    {"cpu-pressure:80", "pressure { resource: CPU above_percent: 80 }"},
    {"memory-pressure:12.5", "pressure { resource: MEMORY above_percent: 12.5 }"},
    {"memory-pressure:10:full", "pressure { resource: MEMORY above_percent: 10 full: true }"},
    {"io-pressure:40:full", "pressure { resource: IO above_percent: 40 full: true }"},
    {"memory-below:500MiB", "memory { below_bytes: 524288000 }"},
    {"memory-below:7.5%", "memory { below_percent: 7.5 }"},
    {"alarm:checkout errors", R"(alarm { alarm: "checkout errors" })"},
    {"alarm:arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a:b",
     R"(alarm { alarm: "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a:b" })"},
    {"file:/run/faultd/HALT", R"(file { path: "/run/faultd/HALT" })"},
    {"file:/tmp/a:b", R"(file { path: "/tmp/a:b" })"},
};

TEST(GuardTexts, StandForGuardsAndBack) {
  for (const Case& each : kCases) {
    const auto guard = ParseGuard(each.text);
    ASSERT_TRUE(guard.ok()) << guard.status();
    v1::Guard expected;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(each.guard, &expected));
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*guard, expected))
        << each.text << ": " << guard->ShortDebugString();
    EXPECT_EQ(GuardText(*guard), each.text);
  }
  EXPECT_EQ(ParseGuard("cpu-pressure:80%")->pressure().above_percent(), 80);
}

TEST(GuardTexts, SayWhatIsWrong) {
  const auto error = [](std::string_view text) {
    const auto guard = ParseGuard(text);
    return guard.ok() ? "no error" : std::string(guard.status().message());
  };
  const std::string unknown =
      "\" is not a guard; write one of probe:NAME[:N], probe-up:NAME[:N], cpu-pressure:PERCENT, "
      "memory-pressure:PERCENT[:full], io-pressure:PERCENT[:full], memory-below:SIZE|PERCENT%, "
      "alarm:NAME, file:PATH";
  EXPECT_EQ(error("load:5"), "--stop-if: \"load:5" + unknown);
  EXPECT_EQ(error(""), "--stop-if: \"" + unknown);
  EXPECT_EQ(error("probe"),
            "--stop-if: \"probe\" is not understood; write probe:NAME or probe:NAME:TIMES, e.g. "
            "probe:db:3");
  EXPECT_EQ(error("probe-up::3"),
            "--stop-if: \"probe-up::3\" is not understood; write probe-up:NAME or "
            "probe-up:NAME:TIMES");
  EXPECT_EQ(error("probe:db:often"), "--stop-if: probe:db:often: \"often\" is not a whole number");
  EXPECT_EQ(error("probe:db:0"), "--stop-if: probe:db:0: 0 times is always; write 1 or more");
  EXPECT_EQ(error("cpu-pressure:50:full"),
            "--stop-if: \"cpu-pressure:50:full\" is not understood; write cpu-pressure:PERCENT");
  EXPECT_EQ(error("io-pressure:"),
            "--stop-if: \"io-pressure:\" is not understood; write io-pressure:PERCENT or "
            "io-pressure:PERCENT:full");
  EXPECT_EQ(error("memory-below"),
            "--stop-if: \"memory-below\" is not understood; write memory-below:SIZE or "
            "memory-below:PERCENT%");
  EXPECT_EQ(
      error("file:HALT"),
      "--stop-if: \"file:HALT\" is not understood; write file:PATH with an absolute path, e.g. "
      "file:/run/faultd/HALT");
  EXPECT_EQ(
      error("alarm:"),
      "--stop-if: \"alarm:\" is not understood; write alarm:NAME, with the name or the ARN of "
      "the alarm");
  for (const char* text : {"memory-below:lots", "io-pressure:101", "memory-below:120%"})
    EXPECT_EQ(error(text).substr(0, 13 + std::string_view(text).size()),
              "--stop-if: " + std::string(text) + ": ");
}

}  // namespace
}  // namespace faultd::ctl

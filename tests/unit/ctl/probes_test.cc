#include <gtest/gtest.h>

#include "ctl/fake_daemon.h"
#include "ctl/from_text.h"
#include "ctl/probe_render.h"

namespace faultd::ctl {
namespace {

constexpr char kDown[] = R"(
    name: "db-connectivity" kind: "tcp" target: "db.example:5432" state: PROBE_STATE_DOWN
    consecutive: 2
    results { probe: "db-connectivity" up: true latency { nanos: 1000000 } }
    results { probe: "db-connectivity" up: true latency { nanos: 1999999 } }
    results { probe: "db-connectivity" up: true latency { nanos: 2000000 } }
    results { probe: "db-connectivity" up: true latency { nanos: 900000000 } }
    results { probe: "db-connectivity" latency { nanos: 1000 } error: "connect: refused" }
    results { probe: "db-connectivity" latency { seconds: 5 } error: "connect: timed out"
              time { seconds: 1770091506 } })";
constexpr char kUp[] = R"(
    name: "cdn" kind: "http" target: "cdn.example:443" state: PROBE_STATE_UP consecutive: 7
    results { probe: "cdn" up: true latency { nanos: 12345678 } time { seconds: 1770091505 } })";
constexpr char kNew[] =
    R"(name: "names" kind: "dns" target: "db.example" state: PROBE_STATE_UNKNOWN)";

class ProbesTest : public ::testing::Test {
 protected:
  std::string out() const { return daemon_.output.str(); }
  std::string err() const { return daemon_.err.str(); }
  void Stream(const std::string& event) {
    daemon_.probe_events.push_back(From<v1::WatchProbesResponse>(event));
  }

  FakeDaemon daemon_;
};

TEST_F(ProbesTest, AreATable) {
  for (const char* probe : {kDown, kUp, kNew})
    *daemon_.probes.add_probes() = From<v1::Probe>(probe);
  EXPECT_EQ(daemon_.Run("probes"), ExitCode::kDone);
  EXPECT_EQ(
      out(),
      "NAME             KIND  TARGET           STATE    IN A ROW  LATENCY  LAST RESULTS\n"
      "db-connectivity  tcp   db.example:5432  down     2         5s       1128xx  connect: timed "
      "out\n"
      "cdn              http  cdn.example:443  up       7         12.3ms   1\n"
      "names            dns   db.example       unknown  -         -\n");
}

TEST_F(ProbesTest, AreDrawnAtATerminalThatCan) {
  const auto probe = From<v1::Probe>(kDown);
  EXPECT_EQ(Sparkline(probe, {.terminal = true, .utf8 = true}), "▁▁▂█✗✗");
  EXPECT_EQ(Sparkline(probe, {.terminal = true, .color = true, .utf8 = true}),
            "▁▁▂█\033[31m✗\033[0m\033[31m✗\033[0m");
  EXPECT_EQ(Sparkline(probe, {.terminal = true}), "1128xx");
}

TEST_F(ProbesTest, MayBeNone) {
  EXPECT_EQ(daemon_.Run("probes"), ExitCode::kDone);
  EXPECT_EQ(out(), "no probes; they are [[probe]] in /etc/faultd/faultd.toml\n");
}

TEST_F(ProbesTest, AreOneObjectEachForPrograms) {
  for (const char* probe : {kUp, kNew}) *daemon_.probes.add_probes() = From<v1::Probe>(probe);
  EXPECT_EQ(daemon_.Run("probes --json"), ExitCode::kDone);
  EXPECT_EQ(out(),
            R"({"name":"cdn","kind":"http","target":"cdn.example:443","state":"PROBE_STATE_UP",)"
            R"("consecutive":7,"results":[{"probe":"cdn","time":"2026-02-03T04:05:05Z","up":true,)"
            R"("latency":"0.012345678s"}]})"
            "\n"
            R"({"name":"names","kind":"dns","target":"db.example","state":"PROBE_STATE_UNKNOWN"})"
            "\n");
}

TEST_F(ProbesTest, WatchPrintsALinePerResult) {
  Stream(StrCat("probe {", kDown, "}"));
  Stream(StrCat("probe {", kNew, "}"));
  Stream("snapshot_done: true");
  Stream(R"(result { probe: "db-connectivity" time { seconds: 1770091507 } latency { seconds: 5 }
                     error: "connect: timed out" })");
  Stream(R"(result { probe: "db-connectivity" time { seconds: 1770091508 } up: true
                     latency { nanos: 840000 } })");
  Stream(R"(result { probe: "names" time { seconds: 1770091509 } up: true
                     latency { nanos: 7000 } })");
  EXPECT_EQ(daemon_.Run("probes --watch"), ExitCode::kDone);
  EXPECT_EQ(out(),
            "04:05:06 db-connectivity down, 2 in a row, 5s: connect: timed out\n"
            "04:05:07 db-connectivity down, 3 in a row, 5s: connect: timed out\n"
            "04:05:08 db-connectivity up, 1 in a row, 840us\n"
            "04:05:09 names up, 1 in a row, 7us\n");
}

TEST_F(ProbesTest, WatchDrawsTheTableAnewAtATerminal) {
  daemon_.style = {.terminal = true, .width = 60, .height = 3};
  Stream(StrCat("probe {", kUp, "}"));
  Stream(StrCat("probe {", kNew, "}"));
  Stream("snapshot_done: true");
  Stream(
      R"(result { probe: "cdn" time { seconds: 1770091507 } latency { seconds: 1 } error: "e" })");
  EXPECT_EQ(daemon_.Run("probes --watch"), ExitCode::kDone);
  EXPECT_EQ(out(),
            "NAME   KIND  TARGET           STATE    IN A ROW  LATENCY  LA\n"
            "cdn    http  cdn.example:443  up       7         12.3ms   1\n"
            "\033[2A\r\033[J"
            "NAME   KIND  TARGET           STATE    IN A ROW  LATENCY  LA\n"
            "cdn    http  cdn.example:443  down     1         1s       1x\n");
}

TEST_F(ProbesTest, WatchGivesProgramsTheEvents) {
  Stream(StrCat("probe {", kNew, "}"));
  Stream("snapshot_done: true");
  Stream(R"(result { probe: "names" up: true })");
  EXPECT_EQ(daemon_.Run("probes --watch --json"), ExitCode::kDone);
  EXPECT_EQ(out(), R"({"probe":{"name":"names","kind":"dns","target":"db.example",)"
                   R"("state":"PROBE_STATE_UNKNOWN"}})"
                   "\n"
                   R"({"result":{"probe":"names","up":true}})"
                   "\n");
}

TEST_F(ProbesTest, FailuresAreTold) {
  daemon_.status = {grpc::StatusCode::INTERNAL, "broken"};
  EXPECT_NE(daemon_.Run("probes"), ExitCode::kDone);
  EXPECT_NE(err(), "");
  EXPECT_NE(daemon_.Run("probes --watch"), ExitCode::kDone);
  daemon_.StopServer();
  EXPECT_EQ(daemon_.Run("probes --watch"), ExitCode::kUnreachable);
}

TEST(LatencyWords, HasThreeDigits) {
  const auto words = [](int64_t nanos) {
    google::protobuf::Duration latency;
    latency.set_seconds(nanos / 1'000'000'000);
    latency.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
    return LatencyWords(latency);
  };
  EXPECT_EQ(words(0), "0ns");
  EXPECT_EQ(words(999), "999ns");
  EXPECT_EQ(words(12'345), "12.3us");
  EXPECT_EQ(words(999'700), "1ms");
  EXPECT_EQ(words(5'001'234'567), "5s");
}

TEST(CutToWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(CutToWidth("▁▂▃", 3), "▁▂▃");
  EXPECT_EQ(CutToWidth("▁▂▃", 2), "▁▂");
  EXPECT_EQ(CutToWidth("a\033[31mbc\033[0md", 4), "a\033[31mbc\033[0md");
  EXPECT_EQ(CutToWidth("a\033[31mbc\033[0md", 2), "a\033[31mb\033[0m");
}

}  // namespace
}  // namespace faultd::ctl

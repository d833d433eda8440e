#include "probe/probes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/http/await.h"
#include "unit/probe/stand_in_sockets.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

class ProbesTest : public testing::Test {
 protected:
  static ProbeConfig Tcp(const std::string& name, uint16_t port, nanoseconds interval) {
    return {.name = name,
            .target = StrCat("127.0.0.1:", port),
            .host = "127.0.0.1",
            .port = port,
            .interval = interval,
            .timeout = interval};
  }
  const ProbeHistory& Run(std::vector<ProbeConfig> configs) {
    probes_ = std::make_unique<Probes>(context_, clock_, std::move(configs));
    probes_->Start();
    return *probes_->all().front();
  }
  void RunUntil(const std::function<bool()>& condition) { faultd::RunUntil(context_, condition); }

  boost::asio::io_context context_;
  SystemClock clock_;
  StandInListener listener_;
  std::unique_ptr<Probes> probes_;
};

TEST_F(ProbesTest, KnowsNothingBeforeItsFirstResult) {
  const ProbeHistory& probe = Run({Tcp("db", listener_.port(), std::chrono::hours(1))});
  EXPECT_FALSE(probe.known());
  EXPECT_FALSE(probe.up());
  EXPECT_EQ(probe.consecutive, 0u);
  EXPECT_EQ(probes_->Find("db"), &probe);
  EXPECT_EQ(probes_->Find("cdn"), nullptr);
}

TEST_F(ProbesTest, CountsResultsInARowAndSaysWhatIsWrong) {
  const auto before = clock_.Now();
  const ProbeHistory& probe = Run({Tcp("db", listener_.port(), milliseconds(5))});
  RunUntil([&] { return probe.consecutive == 3; });
  EXPECT_TRUE(probe.up());
  EXPECT_EQ(probe.results.size(), 3u);
  listener_.Close();
  RunUntil([&] { return !probe.up() && probe.consecutive == 2; });
  const ProbeResult& last = probe.results.back();
  EXPECT_EQ(last.error,
            StrCat("connect to 127.0.0.1 port ", listener_.port(), ": Connection refused"));
  EXPECT_GT(last.latency.count(), 0);
  EXPECT_GT(last.begun, before);
  EXPECT_LE(last.begun + last.latency, clock_.Now());
  EXPECT_EQ(probe.results.front().error, "");
}

TEST_F(ProbesTest, KeepsTheLastResults) {
  const ProbeHistory& probe = Run({Tcp("db", listener_.port(), milliseconds(1))});
  RunUntil([&] { return probe.consecutive == ProbeHistory::kMostResults + 5; });
  EXPECT_EQ(probe.results.size(), ProbeHistory::kMostResults);
}

TEST_F(ProbesTest, OneThatHangsEndsByItsTimeoutAndIsNeverTwiceUnderWay) {
  const StandInListener full(true);
  const ProbeHistory& probe = Run({Tcp("db", full.port(), milliseconds(20))});
  RunUntil([&] { return probe.consecutive == 5; });
  EXPECT_EQ(probe.results.back().error,
            StrCat("connect to 127.0.0.1 port ", full.port(), ": timed out"));
  for (size_t i = 1; i < probe.results.size(); ++i) {
    const ProbeResult& before = probe.results[i - 1];
    EXPECT_GE(before.latency, milliseconds(20));
    // The latency is told by another clock than the beginning, a moment later.
    EXPECT_GE(probe.results[i].begun, before.begun + before.latency - milliseconds(1));
  }
}

TEST(NextDue, KeepsToTheGridOfTimeAndMakesUpForNothing) {
  const std::chrono::steady_clock::time_point due(std::chrono::seconds(100));
  const auto next = [&](milliseconds later) {
    return NextDue(due, due + later, std::chrono::seconds(10)) - due;
  };
  EXPECT_EQ(next(milliseconds(0)), std::chrono::seconds(10));
  EXPECT_EQ(next(milliseconds(5'003)), std::chrono::seconds(10));
  EXPECT_EQ(next(milliseconds(10'002)), std::chrono::seconds(10)) << "at once: a timeout ended it";
  EXPECT_EQ(next(milliseconds(75'000)), std::chrono::seconds(70)) << "suspended: once, at once";
}

TEST_F(ProbesTest, BeginAtRandomMomentsOfTheFirstInterval) {
  std::vector<ProbeConfig> configs(64);
  for (int i = 0; ProbeConfig & config : configs)
    config = Tcp(StrCat("p", i++), listener_.port(), milliseconds(200));
  probes_ = std::make_unique<Probes>(context_, clock_, std::move(configs));
  std::vector<size_t> order;
  probes_->Watch([&](const ProbeHistory& probe) {
    if (probe.results.size() == 1) order.push_back(probe.position);
  });
  probes_->Start();
  RunUntil([&] { return order.size() == 64; });
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(ProbesTest, WatchersSeeEveryResultAndMayStopInside) {
  const ProbeHistory& probe = Run({Tcp("db", listener_.port(), milliseconds(2))});
  std::vector<uint32_t> all;
  int once = 0;
  int late = 0;
  Probes::WatchId stops = 0;
  probes_->Watch([&](const ProbeHistory& seen) {
    EXPECT_EQ(&seen, &probe);
    all.push_back(seen.consecutive);
  });
  stops = probes_->Watch([&](const ProbeHistory&) {
    ++once;
    probes_->Watch([&](const ProbeHistory&) { ++late; });
    probes_->Unwatch(stops);
  });
  RunUntil([&] { return all.size() == 5; });
  EXPECT_EQ(all, (std::vector<uint32_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(once, 1);
  EXPECT_EQ(late, 4) << "from the second on";
}

TEST_F(ProbesTest, MayGoAwayWithAttemptsUnderWay) {
  const StandInListener full(true);
  std::vector<ProbeConfig> configs = {Tcp("hangs", full.port(), std::chrono::hours(1)),
                                      Tcp("runs", listener_.port(), milliseconds(1))};
  configs[0].interval = milliseconds(1);
  const ProbeHistory& hangs = Run(configs);
  RunUntil([&] { return probes_->all()[1]->consecutive == 20; });
  EXPECT_FALSE(hangs.known());
  bool told = false;
  probes_->Watch([&](const ProbeHistory&) { told = true; });
  probes_.reset();
  // All that was under way ends, long before its timeout.
  context_.restart();
  context_.run_for(kLongEnough);
  EXPECT_TRUE(context_.stopped());
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace faultd

// The real netem, which few build machines have: runs in User Mode Linux (scripts/uml).
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "kernel/links_linux.h"
#include "kernel/modules.h"
#include "kernel/netem_distribution.h"
#include "kernel/qdiscs_linux.h"
#include "support/netns.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using ::testing::HasSubstr;

constexpr double kRounding = 1e-9;  // netem's fractions have 32 bits

class NetemTest : public NetnsTest {
 protected:
  void SetUp() override {
    NetnsTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    links_ = *OpenLinks();
    qdiscs_ = *OpenQdiscs();
  }

  int CreateIfb() {
    auto link = links_->CreateIfb("faultd0", true);
    EXPECT_TRUE(link.ok()) << link.status();
    return link->index;
  }

  NetemState SetAndGet(int ifindex, const Netem& netem) {
    const Status set = qdiscs_->SetNetem(ifindex, netem);
    EXPECT_TRUE(set.ok()) << set;
    return Get(ifindex);
  }

  NetemState Get(int ifindex) {
    const auto states = qdiscs_->ListNetem();
    EXPECT_TRUE(states.ok()) << states.status();
    EXPECT_TRUE(states.ok() && states->contains(ifindex));
    return states.ok() && states->contains(ifindex) ? states->at(ifindex) : NetemState{};
  }

  // Sets netem on our side of a pair of hosts and answers the round-trip times of pings in ms.
  std::vector<double> Ping(const Netem& netem, int count, int wait_s = 1) {
    peer_.push_back(Netns::Create());
    AddVeth("v0", {"10.9.0.1/24"}, peer_.front(), "v1", {"10.9.0.2/24"});
    Sh("ping -n -q -c 1 10.9.0.2");  // resolves the neighbour
    v0_ = links_->Get("v0")->index;
    SetAndGet(v0_, netem);
    return PingAgain(count, wait_s);
  }

  static std::vector<double> PingAgain(int count, int wait_s) {
    // Its exit code tells only whether there was an answer.
    const std::string output = RunCommand("ping -n -i 0.002 -W " + std::to_string(wait_s) + " -c " +
                                          std::to_string(count) + " 10.9.0.2")
                                   .output;
    std::vector<double> times;
    for (size_t at = 0; (at = output.find("time=", at)) != std::string::npos; ++at) {
      times.push_back(std::stod(output.substr(at + 5)));
    }
    return times;
  }

  std::vector<Netns> peer_;
  int v0_ = 0;
  std::unique_ptr<Links> links_;
  std::unique_ptr<Qdiscs> qdiscs_;
};

// The value that this share of all is not above.
template <typename Values>
auto Quantile(Values values, double share) {
  const auto at = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
  std::sort(values.begin(), values.end());
  return values[at];
}

TEST_F(NetemTest, LoadsIfbWithoutLinksOfItsOwn) {
  CreateIfb();
  EXPECT_EQ(access("/sys/module/ifb", F_OK), 0);
  // ifb would have made them in the first namespace, where this program was started.
  const CommandResult made = RunCommand("nsenter --net=/proc/1/ns/net ip link show ifb0");
  EXPECT_NE(made.exit_code, 0) << made.output;
}

TEST_F(NetemTest, LoadsModules) {
  ASSERT_NE(access("/sys/module/sch_tbf", F_OK), 0);
  EXPECT_TRUE(LoadModule("sch_tbf").ok());
  EXPECT_EQ(access("/sys/module/sch_tbf", F_OK), 0);
  EXPECT_TRUE(LoadModule("sch_tbf").ok());
  const Status missing = LoadModule("sch_nosuch");
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("load module sch_nosuch: no such module for kernel "));
}

struct RoundTrip {
  std::string name;
  Netem netem;
  std::string shown;  // by tc(8)
};

void PrintTo(const RoundTrip& each, std::ostream* out) { *out << each.name; }

class NetemRoundTripTest : public NetemTest, public ::testing::WithParamInterface<RoundTrip> {};

TEST_P(NetemRoundTripTest, IsReadBackAsItWasSet) {
  const int ifindex = CreateIfb();
  const Netem& wanted = GetParam().netem;
  const Netem seen = SetAndGet(ifindex, wanted).netem;
  EXPECT_EQ(seen.delay, wanted.delay);
  EXPECT_EQ(seen.jitter, wanted.jitter);
  EXPECT_NEAR(seen.delay_correlation, wanted.delay_correlation, kRounding);
  EXPECT_NEAR(seen.loss, wanted.loss, kRounding);
  EXPECT_NEAR(seen.loss_correlation, wanted.loss_correlation, kRounding);
  EXPECT_EQ(seen.limit, wanted.limit);
  ASSERT_EQ(seen.burst_loss.has_value(), wanted.burst_loss.has_value());
  if (wanted.burst_loss) {
    EXPECT_NEAR(seen.burst_loss->good_to_bad, wanted.burst_loss->good_to_bad, kRounding);
    EXPECT_NEAR(seen.burst_loss->bad_to_good, wanted.burst_loss->bad_to_good, kRounding);
    EXPECT_NEAR(seen.burst_loss->loss_in_bad, wanted.burst_loss->loss_in_bad, kRounding);
    EXPECT_NEAR(seen.burst_loss->loss_in_good, wanted.burst_loss->loss_in_good, kRounding);
  }
  EXPECT_THAT(Sh("tc -d qdisc show dev faultd0"), HasSubstr(GetParam().shown));
}

INSTANTIATE_TEST_SUITE_P(
    All, NetemRoundTripTest,
    ::testing::Values(
        RoundTrip{"Nothing", {}, "qdisc netem 1: root refcnt 2 limit 1000"},
        RoundTrip{"Delay", {.delay = milliseconds(100), .limit = 54321}, "limit 54321 delay 100ms"},
        RoundTrip{"DelayOfOddNanoseconds", {.delay = nanoseconds(1'234'567)}, "delay 1.23ms"},
        RoundTrip{"DelayBeyond32BitTicks",
                  {.delay = std::chrono::minutes(10)},  // tc(8) shows 32 bits of it.
                  "delay 275s"},
        RoundTrip{"Jitter",
                  {.delay = milliseconds(100), .jitter = milliseconds(10)},
                  "delay 100ms  10ms"},
        RoundTrip{"JitterWithCorrelation",
                  {.delay = milliseconds(100),
                   .jitter = milliseconds(10),
                   .delay_correlation = 0.25,
                   .distribution = DelayDistribution::kNormal},
                  "delay 100ms  10ms 25%"},
        RoundTrip{"Loss", {.loss = 0.07}, "loss 7%"},
        RoundTrip{"TinyLoss", {.loss = 0.000001}, "loss 0.000100001%"},
        RoundTrip{"TotalLoss", {.loss = 1}, "loss 100%"},
        RoundTrip{"LossWithCorrelation", {.loss = 0.2, .loss_correlation = 0.5}, "loss 20% 50%"},
        RoundTrip{"BurstLoss",
                  {.burst_loss = BurstLoss{0.1, 0.3, 0.9, 0.02}},
                  "loss gemodel p 10% r 30% 1-h 90% 1-k 2%"},
        RoundTrip{"BurstLossWithDelay",
                  {.delay = milliseconds(5), .burst_loss = BurstLoss{0.01, 0.5, 1, 0}},
                  "delay 5ms loss gemodel p 1% r 50% 1-h 100% 1-k 0%"}),
    [](const auto& each) { return each.param.name; });

TEST_F(NetemTest, AChangeKeepsNothing) {
  const int ifindex = CreateIfb();
  SetAndGet(ifindex, Netem{.delay = milliseconds(100),
                           .jitter = milliseconds(10),
                           .delay_correlation = 0.25,
                           .distribution = DelayDistribution::kPareto,
                           .burst_loss = BurstLoss{0.1, 0.3, 0.9, 0.02},
                           .limit = 5});
  EXPECT_EQ(SetAndGet(ifindex, Netem{}).netem, Netem{});
  EXPECT_THAT(Sh("tc -d qdisc show dev faultd0"),
              ::testing::ContainsRegex("^qdisc netem 1: root refcnt 2 limit 1000 *\n$"));
}

TEST_F(NetemTest, AForeignRootQdiscOfALinkOfOursIsReplaced) {
  const int ifindex = CreateIfb();
  Sh("tc qdisc replace dev faultd0 root handle 7: pfifo");
  EXPECT_EQ(SetAndGet(ifindex, Netem{.limit = 9}).netem.limit, 9U);
}

TEST_F(NetemTest, DelaysPackets) {
  const std::vector<double> times = Ping({.delay = milliseconds(1000)}, 20, 5);
  ASSERT_EQ(times.size(), 20U);
  EXPECT_GE(*std::min_element(times.begin(), times.end()), 1000);
  EXPECT_LE(Quantile(times, 0.5), 1500);  // once, and not on the way back too
  const NetemState state = Get(v0_);
  EXPECT_GE(state.packets_sent, 20U);
  EXPECT_EQ(state.packets_dropped, 0U);
}

TEST_F(NetemTest, LosesPackets) {
  const std::vector<double> times = Ping({.loss = 0.2}, 2000);
  const auto lost = static_cast<double>(2000 - times.size()) / 2000;
  EXPECT_NEAR(lost, 0.2, 0.04);  // 4.5 standard deviations
  const NetemState state = Get(v0_);
  EXPECT_NEAR(static_cast<double>(state.packets_dropped), static_cast<double>(2000 - times.size()),
              5);  // IPv6 says a few words on the link as well
}

TEST_F(NetemTest, LosesPacketsInBursts) {
  const std::vector<double> times = Ping({.burst_loss = BurstLoss{0.1, 0.3, 0.8, 0.05}}, 2000);
  // In the bad state for p / (p + r) of the time.
  const double expected = 0.25 * 0.8 + 0.75 * 0.05;
  EXPECT_NEAR(static_cast<double>(2000 - times.size()) / 2000, expected, 0.06);
}

TEST_F(NetemTest, HoldsPacketsBackAndCountsThem) {
  Ping({.delay = std::chrono::seconds(30), .limit = 3}, 10);
  const NetemState state = Get(v0_);
  EXPECT_EQ(state.packets_queued, 3U);
  EXPECT_GE(state.packets_dropped, 7U);
}

// So large that a busy machine, which holds packets up for tens of milliseconds, cannot matter.
constexpr milliseconds kDelay(2000);
constexpr milliseconds kJitter(400);

// How far a round-trip time in ms is from the mean.
double InJitters(double time) {
  return (time - static_cast<double>(kDelay.count())) / static_cast<double>(kJitter.count());
}

class NetemJitterTest : public NetemTest,
                        public ::testing::WithParamInterface<DelayDistribution> {};

TEST_P(NetemJitterTest, HasTheShapeThatWasAskedFor) {
  const std::vector<double> times =
      Ping({.delay = kDelay, .jitter = kJitter, .distribution = GetParam()}, 600, 5);
  ASSERT_EQ(times.size(), 600U);
  const auto table = NetemDistributionTable(GetParam());
  const std::vector<int16_t> wanted(table.begin(), table.end());
  for (const double share : {0.05, 0.25, 0.5, 0.75, 0.95}) {
    // Of a sample, as many as that lie below a quantile, give or take 4.5 standard deviations.
    const double chance = 4.5 * std::sqrt(share * (1 - share) / static_cast<double>(times.size()));
    constexpr double kMachine = 0.1;  // holds packets up
    const double measured = InJitters(Quantile(times, share));
    EXPECT_GE(measured, Quantile(wanted, std::max(share - chance, 0.0)) / 8192.0 - kMachine)
        << share;
    EXPECT_LE(measured, Quantile(wanted, std::min(share + chance, 1.0)) / 8192.0 + kMachine)
        << share;
  }
}

INSTANTIATE_TEST_SUITE_P(All, NetemJitterTest,
                         ::testing::Values(DelayDistribution::kUniform, DelayDistribution::kNormal,
                                           DelayDistribution::kPareto,
                                           DelayDistribution::kParetonormal));

TEST_F(NetemTest, ANewDistributionReplacesTheOldTable) {
  Ping({.delay = kDelay, .jitter = kJitter, .distribution = DelayDistribution::kPareto}, 10);
  SetAndGet(v0_, {.delay = kDelay, .jitter = kJitter});
  const std::vector<double> times = PingAgain(500, 5);
  ASSERT_EQ(times.size(), 500U);
  EXPECT_LE(InJitters(Quantile(times, 0.95)), 1.3);  // with the old one 1.7
}

}  // namespace
}  // namespace faultd

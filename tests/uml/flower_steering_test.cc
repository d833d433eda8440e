// The steering for older kernels; needs flower, mirred, gact and netem, so it runs in User Mode
// Linux (scripts/uml).
#include "kernel/flower_steering.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <sstream>

#include "support/steering_lab.h"

namespace faultd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class FlowerSteeringTest : public SteeringLab {
 protected:
  void SetUp() override {
    SteeringLab::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    before_ = Snapshot();
    Reopen();
  }

  void TearDown() override {
    if (steering_ != nullptr) {
      EXPECT_TRUE(steering_->Apply({}).ok());
      EXPECT_FALSE(steering_->Read()->present);
      EXPECT_EQ(Snapshot(), before_);
    }
    SteeringLab::TearDown();
  }

  // As a new process would begin.
  void Reopen() {
    auto steering = OpenFlowerSteering();
    ASSERT_TRUE(steering.ok()) << steering.status();
    steering_ = *std::move(steering);
  }

  void Apply(const SteeringTable& table) {
    const Status status = steering_->Apply(table);
    ASSERT_TRUE(status.ok()) << status;
  }

  SteeringChain DropTo(const std::vector<std::string>& cidrs) const {
    SteeringChain chain = Chain(Direction::kEgress);
    chain.rules = {Drop({To(cidrs)}, "hits")};
    return chain;
  }

  void SendOut(const std::string& remote) const {
    Send({.remote = *IpAddress::Parse(remote), .ip_protocol = IPPROTO_UDP, .remote_port = 53});
  }

  static double PingMs(const std::string& address) {
    const std::string output = Sh("ping -n -c 2 -i 0.1 -W 2 " + address);
    const size_t at = output.rfind("time=");  // the second: the neighbour is known then
    double ms = -1;
    if (at != std::string::npos) std::istringstream(output.substr(at + 5)) >> ms;
    return ms;
  }

  double ConnectMs(uint16_t port) const {
    const UniqueFd server = peer().Run([&] {
      UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const sockaddr_in any{.sin_family = AF_INET, .sin_port = htons(port)};
      EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
      EXPECT_EQ(listen(fd.get(), 8), 0);
      return fd;
    });
    const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to{.sin_family = AF_INET,
                         .sin_port = htons(port),
                         .sin_addr = {.s_addr = inet_addr("10.9.0.3")}};
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
  }

  uint64_t Hits(const std::string& counter = "hits") { return CountOf(*steering_, counter); }

  std::unique_ptr<Steering> steering_;
  std::string before_;
};

TEST_F(FlowerSteeringTest, CountersAreWhatMatchesSays) {
  for (unsigned seed = 1; seed <= 25; ++seed) {
    const ContractCase contract = MakeContractCase(seed, v0_, null_);
    Apply({});
    Apply(contract.table);
    for (const LabPacket& packet : contract.packets) Send(packet);
    const auto expected = ExpectedCounts(contract);
    AwaitCount(*steering_, "all", expected.at("all"));
    const auto state = steering_->Read();
    ASSERT_TRUE(state.ok()) << state.status();
    for (const auto& [counter, packets] : expected) {
      EXPECT_EQ(state->counters.at(counter).packets, packets) << counter << " seed " << seed;
    }
  }
}

TEST_F(FlowerSteeringTest, OnlyTheTargetIsDelayed) {
  Sh("tc qdisc add dev faultd0 root netem delay 600ms");
  SteeringTable table = {Chain(Direction::kEgress), Chain(Direction::kIngress)};
  PacketMatch port = To({"10.9.0.3"});
  port.protocol = Protocol::kTcp;
  port.remote_ports = {8000, 8080};
  for (SteeringChain& chain : table) {
    const bool out = chain.direction == Direction::kEgress;
    chain.rules = {{.match = {out ? To({"10.9.0.2"}) : To({"10.9.0.4"}), To({"fd09::2"}), port},
                    .link_index = up_}};
  }
  Apply(table);
  const auto delayed = [](double least) {
    return testing::AllOf(testing::Ge(least), testing::Lt(least + 300));
  };
  EXPECT_THAT(PingMs("10.9.0.2"), delayed(600));
  EXPECT_THAT(PingMs("10.9.0.4"), delayed(600));
  EXPECT_THAT(PingMs("fd09::2"), delayed(1200));
  EXPECT_THAT(ConnectMs(8080), delayed(1200));
  EXPECT_LT(ConnectMs(8081), 300);
  EXPECT_LT(PingMs("10.9.0.3"), 300);
  EXPECT_LT(PingMs("fd09::3"), 300);
  EXPECT_THAT(steering_->Read()->names,
              ElementsAre("flower filters on v0 egress", "flower filters on v0 ingress",
                          "clsact qdisc on v0"));
  Apply({});
  EXPECT_LT(PingMs("10.9.0.2"), 300);
  EXPECT_LT(PingMs("fd09::2"), 300);
  Sh("tc qdisc del dev faultd0 root");
}

TEST_F(FlowerSteeringTest, CountersGoOnOverApply) {
  Apply({DropTo({"10.9.0.2"})});
  for (int i = 0; i < 5; ++i) SendOut("10.9.0.2");
  EXPECT_EQ(Hits(), 5U);
  SteeringChain chain = DropTo({"10.9.0.2", "10.9.0.3"});
  chain.rules.push_back(Drop({To({"10.9.0.4"})}, "other"));
  for (int i = 0; i < 3; ++i) {
    Apply({chain});
    SendOut("10.9.0.3");
    SendOut("10.9.0.4");
  }
  EXPECT_EQ(Hits(), 8U);
  EXPECT_EQ(Hits("other"), 3U);
  EXPECT_EQ(steering_->Read()->counters.at("hits").bytes, 8U * (14 + 20 + 32));
  EXPECT_EQ(steering_->Read()->rules, 2U);
  Apply({DropTo({"10.9.0.2"})});
  EXPECT_FALSE(steering_->Read()->counters.contains("other"));
}

TEST_F(FlowerSteeringTest, ClsactOfOthersAndItsFiltersStay) {
  Sh("tc qdisc add dev v0 clsact");
  Sh("tc filter add dev v0 egress prio 64000 protocol ip handle 7 flower dst_ip 10.9.0.7 action "
     "gact pass");
  Sh("tc filter add dev v0 egress prio 5 protocol ip u32 match ip dst 10.9.0.8 flowid :1");
  const std::string mine = Sh("tc qdisc show; tc filter show dev v0 egress");
  EXPECT_THAT(*steering_->HooksToOwn({"v0"}), IsEmpty());
  Apply({DropTo({"10.9.0.2"})});
  Apply({DropTo({"10.9.0.3"})});
  SendOut("10.9.0.3");
  EXPECT_EQ(Hits(), 1U);
  Apply({});
  EXPECT_EQ(Sh("tc qdisc show; tc filter show dev v0 egress"), mine);
  Sh("tc qdisc del dev v0 clsact");
}

TEST_F(FlowerSteeringTest, OwnClsactStaysWhileSomebodyElseUsesIt) {
  EXPECT_THAT(*steering_->HooksToOwn({"v0", "faultd0"}),
              ElementsAre(OwnHook{"v0", v0_}, testing::Field(&OwnHook::interface, "faultd0")));
  Apply({DropTo({"10.9.0.2"})});
  EXPECT_THAT(*steering_->HooksToOwn({"v0"}), ElementsAre(OwnHook{"v0", v0_}));
  Sh("tc filter add dev v0 ingress prio 5 protocol ip u32 match ip dst 10.9.0.8 flowid :1");
  Apply({});
  EXPECT_THAT(Sh("tc qdisc show dev v0"), HasSubstr("clsact"));
  Sh("tc filter del dev v0 ingress prio 5");
  Apply({});
  EXPECT_THAT(Sh("tc qdisc show dev v0"), Not(HasSubstr("clsact")));
}

TEST_F(FlowerSteeringTest, OwnClsactGoesAlsoWhenItsInterfaceWasRenamed) {
  for (const bool next_process : {false, true}) {
    SCOPED_TRACE(next_process);
    Apply({DropTo({"10.9.0.2"})});
    Sh("ip link set v0 down; ip link set v0 name moved0; ip link set moved0 up");
    if (next_process) {
      Reopen();
      steering_->AdoptHooks({{"v0", v0_}});
    }
    Apply({});
    EXPECT_THAT(Sh("tc qdisc show dev moved0"), Not(HasSubstr("clsact")));
    Sh("ip link set moved0 down; ip link set moved0 name v0; ip link set v0 up");
    // It takes the kernel up to a second to say so.
    Sh("while ip link show dev v0 | grep --quiet NO-CARRIER; do sleep 0.01; done");
  }
}

TEST_F(FlowerSteeringTest, NextProcessRemovesWhatWasLeft) {
  SteeringChain chain = DropTo({"10.9.0.2"});
  chain.rules[0].except = {To({"10.9.0.3"})};
  chain.rules.push_back(Drop({To({"10.9.0.0/24"})}, "later"));
  Apply({chain});
  Reopen();
  const auto left = steering_->Read();
  EXPECT_EQ(left->rules, 2U);
  EXPECT_THAT(left->names, ElementsAre("flower filters on v0 egress"));
  EXPECT_THAT(left->counters, IsEmpty());
  steering_->AdoptHooks({{"v0", 0}, {"gone0", 0}});
  // Straight to another table, over what is left.
  Apply({DropTo({"10.9.0.5"})});
  SendOut("10.9.0.5");
  SendOut("10.9.0.2");
  EXPECT_EQ(Hits(), 1U);
  EXPECT_EQ(steering_->Read()->rules, 1U);
}

TEST_F(FlowerSteeringTest, HalfDoneChangeIsCleanedUp) {
  Apply({DropTo({"10.9.0.2"})});
  Sh("tc filter add dev v0 egress protocol all prio 64700 handle 0xfa170001 flower "
     "action mirred egress redirect dev faultd-null");
  Apply({DropTo({"10.9.0.3"})});
  EXPECT_EQ(steering_->Read()->rules, 1U);
  SendOut("10.9.0.2");
  SendOut("10.9.0.3");
  EXPECT_EQ(Hits(), 1U);
}

TEST_F(FlowerSteeringTest, FailedApplyRemovesEverything) {
  Apply({DropTo({"10.9.0.2"})});
  SteeringChain absent = DropTo({"10.9.0.4"});
  absent.rules[0].link_index = 999;
  absent.direction = Direction::kIngress;
  const Status status = steering_->Apply({DropTo({"10.9.0.3"}), absent});
  EXPECT_THAT(std::string(status.message()), HasSubstr("add flower filters to v0 ingress: "));
  EXPECT_FALSE(steering_->Read()->present);
  EXPECT_EQ(Snapshot(), before_);
}

TEST_F(FlowerSteeringTest, IngressQdiscLeavesIngressOnly) {
  Sh("tc qdisc add dev v0 ingress");
  const Status status = steering_->Apply({DropTo({"10.9.0.2"})});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "interface v0 has a qdisc \"ingress\" in the place of clsact, so its egress cannot be "
            "steered");
  SteeringChain chain = Chain(Direction::kIngress);
  chain.rules = {Drop({To({"10.9.0.2"})}, "hits")};
  Apply({chain});
  Send({.direction = Direction::kIngress,
        .remote = *IpAddress::Parse("10.9.0.2"),
        .ip_protocol = IPPROTO_UDP});
  EXPECT_TRUE(AwaitCount(*steering_, "hits", 1));
  Apply({});
  EXPECT_THAT(Sh("tc qdisc show dev v0"), HasSubstr("ingress"));
  Sh("tc qdisc del dev v0 ingress");
}

TEST_F(FlowerSteeringTest, WhatItCannotDoIsRefused) {
  SteeringRule rule = Drop({To({"10.9.0.2"})}, "hits");
  EXPECT_TRUE(steering_->Supports(rule).ok());
  rule.match[0].flows_percent = 50;
  EXPECT_EQ(steering_->Supports(rule).message(),
            "a share of the flows needs nftables owned tables (Linux 5.17 or newer)");
  rule.match[0].flows_percent = 100;
  rule.share = 0.5;
  const Status share = steering_->Supports(rule);
  EXPECT_EQ(share.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(share.message(),
            "a share of the packets, chosen at random, needs nftables owned tables (Linux 5.17 or "
            "newer)");
  SteeringChain chain = Chain(Direction::kEgress);
  for (int i = 0; i < 16; ++i) {
    chain.rules.push_back(Drop({To({"10.9.0.2"})}, StrCat("c", i)));
    chain.rules.back().except = {To({"10.9.0.3"})};
  }
  EXPECT_EQ(steering_->Apply({chain}).message(),
            "more than 15 rules with exceptions on v0 needs nftables owned tables (Linux 5.17 or "
            "newer)");
  // As many as it can do: what no rule hits still passes, and the rule behind them is reached.
  chain.rules.pop_back();
  for (SteeringRule& one : chain.rules) one.except.push_back(To({"10.9.0.2"}));
  chain.rules.push_back(Drop({To({"10.9.0.2"})}, "last"));
  Apply({chain});
  SendOut("10.9.0.2");
  EXPECT_EQ(Hits("last"), 1U);
  EXPECT_GT(PingMs("10.9.0.4"), 0);
}

TEST_F(FlowerSteeringTest, ManyAddressesAndTheSameTwice) {
  constexpr unsigned kMany = 5000;
  std::vector<IpRange> ranges;
  ranges.reserve(kMany);
  for (unsigned i = 0; i < kMany; ++i) ranges.push_back({0x0b000000 + 16 * i, 0x0b000003 + 16 * i});
  SteeringChain chain = Chain(Direction::kEgress);
  const PacketMatch many{.remote = AddressSet(Family::kIpv4, std::move(ranges))};
  chain.rules = {Drop({many, many}, "hits")};
  const auto start = std::chrono::steady_clock::now();
  Apply({chain});
  const auto installed = std::chrono::steady_clock::now();
  SendOut("11.0.0.3");
  SendOut("11.0.0.4");
  EXPECT_EQ(Hits(), 1U);
  const auto removing = std::chrono::steady_clock::now();
  Apply({});
  const auto removed = std::chrono::steady_clock::now();
  const auto ms = [](auto duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  };
  printf("5000 prefixes: installed in %.1f ms, removed in %.1f ms\n", ms(installed - start),
         ms(removed - removing));
}

}  // namespace
}  // namespace faultd

#include "kernel/nft_steering.h"

#include <gmock/gmock.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <regex>
#include <set>

#include "absl/strings/str_split.h"
#include "support/sockets.h"
#include "support/steering_lab.h"

namespace faultd {
namespace {

using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kAnswers = 2000;

class NftSteeringTest : public SteeringLab {
 protected:
  void SetUp() override {
    SteeringLab::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    before_ = Snapshot();
    auto steering = OpenNftSteering();
    ASSERT_TRUE(steering.ok()) << steering.status();
    steering_ = *std::move(steering);
  }

  void TearDown() override {
    if (steering_ != nullptr) {
      EXPECT_TRUE(steering_->Apply({}).ok());
      EXPECT_FALSE(steering_->Read()->present);
      EXPECT_EQ(Snapshot(), before_);
    }
    SteeringLab::TearDown();
  }

  void Apply(const SteeringTable& table) {
    const Status status = steering_->Apply(table);
    ASSERT_TRUE(status.ok()) << status;
  }

  SteeringTable DropTo(const std::vector<std::string>& cidrs) const {
    SteeringChain chain = Chain(Direction::kEgress);
    chain.rules = {Drop({To(cidrs)}, "hits")};
    return {chain};
  }

  void SendOut(const std::string& remote, uint8_t protocol = IPPROTO_UDP, uint16_t remote_port = 53,
               uint16_t local_port = 4000) const {
    Send({.remote = *IpAddress::Parse(remote),
          .ip_protocol = protocol,
          .remote_port = remote_port,
          .local_port = local_port});
  }

  uint64_t Hits(const std::string& counter = "hits") { return CountOf(*steering_, counter); }

  std::unique_ptr<Steering> steering_;
  std::string before_;
};

// The ruleset as it reads, whatever the numbers in its names are.
std::vector<std::string> RulesetWithoutNumbers() {
  const std::string text = std::regex_replace(
      Sh("nft list ruleset"), std::regex("(class|action|segment|addresses)_[0-9]+"), "$1");
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  std::ranges::sort(lines);  // chains are listed in the order in which they came
  return lines;
}

// The chains of this kind, each of which something leads to by this verdict.
std::set<std::string> ChainsInUse(const std::string& kind, const std::string& verdict) {
  const std::string text = Sh("nft list ruleset");
  const auto all = [&](const std::string& before) {
    const std::regex name(before + " (" + kind + "_[0-9]+)");
    return std::set<std::string>(std::sregex_token_iterator(text.begin(), text.end(), name, 1), {});
  };
  const std::set<std::string> chains = all("chain");
  EXPECT_EQ(all(verdict), chains);
  return chains;
}

// With few rules and with so many that they are in segments.
TEST_F(NftSteeringTest, CountersAreWhatMatchesSays) {
  std::map<std::string, uint64_t> expected;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const int rules = seed % 4 == 0 ? 80 : 5;
    const ContractCase contract = MakeContractCase(seed, v0_, null_, rules);
    Apply(contract.table);
    for (const LabPacket& packet : contract.packets) Send(packet);
    const std::map<std::string, uint64_t> more = ExpectedCounts(contract);
    std::erase_if(expected, [&](const auto& each) { return !more.contains(each.first); });
    for (const auto& [counter, packets] : more) expected[counter] += packets;
    AwaitCount(*steering_, "all", expected["all"]);
    const auto state = steering_->Read();
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(state->rules, 2U * rules);
    EXPECT_EQ(*steering_->CountRules(), state->rules);
    for (const auto& [counter, packets] : expected) {
      EXPECT_EQ(state->counters.at(counter).packets, packets) << counter << " seed " << seed;
    }
  }
}

TEST_F(NftSteeringTest, BlackholeLooksLikeAnOutage) {
  UniqueFd v4;
  UniqueFd v6;
  UniqueFd udp;
  peer().Run([&] {
    v4 = OpenSocket("0.0.0.0", SOCK_STREAM, 80, true);
    v6 = OpenSocket("::", SOCK_STREAM, 81, true);
    udp = OpenSocket("10.9.0.2", SOCK_DGRAM, 53, true);
  });
  ASSERT_TRUE(Connects("10.9.0.2", 80, kAnswers));
  ASSERT_TRUE(Connects("fd09::2", 81, kAnswers));
  SteeringChain chain = Chain(Direction::kEgress);
  chain.rules = {Drop({To({"10.9.0.2"}), To({"fd09::2"})}, "hits")};
  Apply({chain});

  EXPECT_TRUE(ConnectHangs("10.9.0.2", 80));
  EXPECT_TRUE(ConnectHangs("fd09::2", 81));
  // Nothing listens on port 82, but no refusal comes back either.
  EXPECT_TRUE(ConnectHangs("10.9.0.2", 82));
  EXPECT_TRUE(Connects("10.9.0.3", 80, kAnswers));
  EXPECT_TRUE(Connects("fd09::3", 81, kAnswers));

  // As the resolver of glibc sets it: errors of the path are reported at once.
  const UniqueFd sender = OpenSocket("10.9.0.2", SOCK_DGRAM, 53, false);
  const int on = 1;
  ASSERT_EQ(setsockopt(sender.get(), SOL_IP, IP_RECVERR, &on, sizeof(on)), 0);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(send(sender.get(), "x", 1, 0), 1) << strerror(errno);
  EXPECT_FALSE(Ready(sender, POLLIN | POLLERR, 0));
  EXPECT_FALSE(Ready(udp, POLLIN, 0));

  Apply({});
  EXPECT_TRUE(Connects("10.9.0.2", 80, kAnswers));
  EXPECT_TRUE(Connects("fd09::2", 81, kAnswers));
  EXPECT_EQ(send(sender.get(), "x", 1, 0), 1);
  EXPECT_TRUE(Ready(udp, POLLIN, kAnswers));
}

TEST_F(NftSteeringTest, IngressIsCutOffToo) {
  UniqueFd server;
  peer().Run([&] { server = OpenSocket("0.0.0.0", SOCK_STREAM, 80, true); });
  SteeringChain chain = Chain(Direction::kIngress);
  PacketMatch match = To({"10.9.0.2"});
  match.protocol = Protocol::kTcp;
  match.remote_ports = {80, 80};
  chain.rules = {Drop({match}, "hits")};
  Apply({chain});
  EXPECT_TRUE(ConnectHangs("10.9.0.2", 80));
  EXPECT_GE(Hits(), 1U);
  EXPECT_TRUE(Connects("10.9.0.3", 80, kAnswers));
}

TEST_F(NftSteeringTest, DivertedPacketsArriveThroughTheLink) {
  UniqueFd server;
  peer().Run([&] { server = OpenSocket("0.0.0.0", SOCK_STREAM, 80, true); });
  SteeringTable table = {Chain(Direction::kEgress), Chain(Direction::kIngress)};
  for (SteeringChain& chain : table) {
    chain.rules = {{.match = {PacketMatch{.remote = AddressSet::All(Family::kIpv4)}},
                    .link_index = up_,
                    .counters = {chain.direction == Direction::kEgress ? "out" : "in"}}};
  }
  Apply(table);
  EXPECT_TRUE(Connects("10.9.0.2", 80, kAnswers));
  EXPECT_GE(Hits("out"), 2U);
  EXPECT_GE(Hits("in"), 1U);
  EXPECT_THAT(steering_->Read()->names, testing::ElementsAre("nftables table faultd"));
}

TEST_F(NftSteeringTest, ShareOfPacketsIsChosenAtRandom) {
  SteeringChain chain = Chain(Direction::kEgress);
  chain.rules = {Drop({To({"10.9.0.2"})}, "hits")};
  chain.rules[0].share = 0.3;
  chain.rules[0].forwarded_counters = {"lost"};
  // What the share lets pass has passed: no later rule may take it.
  chain.rules.push_back(Drop({To({"10.9.0.0/24"})}, "later"));
  Apply({chain});
  constexpr int kPackets = 4000;
  const uint64_t before = PeerReceived();
  for (int i = 0; i < kPackets; ++i) SendOut("10.9.0.2");
  EXPECT_EQ(Hits(), kPackets);
  EXPECT_EQ(Hits("later"), 0U);
  const double lost = static_cast<double>(Hits("lost"));
  EXPECT_NEAR(lost, 0.3 * kPackets, 3 * std::sqrt(kPackets * 0.3 * 0.7));
  const uint64_t passed = kPackets - Hits("lost");
  EXPECT_TRUE(Await([&] { return PeerReceived() - before >= passed; }));
  EXPECT_LT(PeerReceived() - before, passed + 100);  // the kernels talk to each other as well
}

TEST_F(NftSteeringTest, FlowsAreHitWhollyInBothDirectionsOrNotAtAll) {
  SteeringTable table = {Chain(Direction::kEgress), Chain(Direction::kIngress)};
  for (SteeringChain& chain : table) {
    const bool out = chain.direction == Direction::kEgress;
    chain.protect = {BackgroundTraffic()};
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
      PacketMatch match{.remote = AddressSet::All(family), .flows_percent = 50};
      chain.rules.push_back(Drop({match}, out ? "out" : "in"));
      match.flows_percent = 100;
      chain.rules.push_back(Drop({match}, "others"));
    }
  }
  Apply(table);
  constexpr int kFlows = 400;
  constexpr int kPerFlow = 3;
  int hit = 0;
  std::map<std::string, PacketCounter> last;
  for (int flow = 0; flow < kFlows; ++flow) {
    LabPacket packet{.remote = *IpAddress::Parse(flow % 2 == 0 ? "10.9.0.2" : "fd09::2"),
                     .ip_protocol = static_cast<uint8_t>(flow % 4 < 2 ? IPPROTO_TCP : IPPROTO_UDP),
                     .remote_port = 443,
                     .local_port = static_cast<uint16_t>(30000 + flow)};
    if (flow % 8 == 7) {  // without ports: the address makes the flow
      packet.ip_protocol = 132;
      packet.remote.value += static_cast<unsigned>(flow);
    }
    for (int i = 0; i < kPerFlow; ++i) {
      packet.direction = Direction::kEgress;
      Send(packet);
      packet.direction = Direction::kIngress;
      Send(packet);
    }
    std::map<std::string, PacketCounter> now;
    ASSERT_TRUE(Await([&] {
      now = steering_->Read()->counters;
      return now["out"].packets + now["in"].packets + now["others"].packets ==
             2UL * kPerFlow * (static_cast<unsigned>(flow) + 1);
    }));
    const uint64_t out = now["out"].packets - last["out"].packets;
    EXPECT_EQ(out, now["in"].packets - last["in"].packets) << flow;
    EXPECT_TRUE(out == 0 || out == kPerFlow) << flow;
    hit += out > 0 ? 1 : 0;
    last = std::move(now);
  }
  EXPECT_NEAR(hit, kFlows * 0.5, 3 * std::sqrt(kFlows * 0.25));
}

TEST_F(NftSteeringTest, CountersGoOnOverApply) {
  Apply(DropTo({"10.9.0.2"}));
  for (int i = 0; i < 5; ++i) SendOut("10.9.0.2");
  EXPECT_EQ(Hits(), 5U);
  SteeringTable table = DropTo({"10.9.0.2", "10.9.0.3"});
  table[0].rules.push_back(Drop({To({"10.9.0.4"})}, "other"));
  Apply(table);
  SendOut("10.9.0.3");
  SendOut("10.9.0.4");
  EXPECT_EQ(Hits(), 6U);
  EXPECT_EQ(steering_->Read()->counters.at("hits").bytes, 6U * (14 + 20 + 32));
  EXPECT_EQ(Hits("other"), 1U);
  // A name that was away begins anew.
  Apply({DropTo({"10.9.0.2"})});
  EXPECT_FALSE(steering_->Read()->counters.contains("other"));
  Apply(table);
  EXPECT_EQ(Hits("other"), 0U);
  EXPECT_EQ(Hits(), 6U);
}

TEST_F(NftSteeringTest, WhatCameBeforeDoesNotShow) {
  const ContractCase contract = MakeContractCase(7, v0_, null_, 80);
  std::mt19937 random(7);
  for (int step = 0; step < 20; ++step) {
    const bool many = step % 2 == 0;
    SteeringTable table = contract.table;
    for (SteeringChain& chain : table) {
      std::erase_if(chain.rules,
                    [&](const SteeringRule&) { return random() % 16 < (many ? 1 : 15); });
      if (random() % 4 == 0) std::ranges::reverse(chain.rules);
    }
    SCOPED_TRACE(step);
    Apply(table);
    const std::vector<std::string> seen = RulesetWithoutNumbers();
    Apply({});
    Apply(table);
    EXPECT_EQ(seen, RulesetWithoutNumbers());
    Apply(contract.table);
  }
}

TEST_F(NftSteeringTest, ActionsThatStayAreNotMadeAgain) {
  const auto actions = [] { return ChainsInUse("action", "goto"); };
  SteeringTable table = DropTo({"10.9.0.2"});
  table.push_back(Chain(Direction::kIngress));
  table[1].rules = table[0].rules;
  Apply(table);
  const std::set<std::string> first = actions();
  EXPECT_EQ(first.size(), 2U);
  EXPECT_EQ(steering_->Read()->rules, 2U);
  table[0].rules.push_back(Drop({To({"10.9.0.4"})}, "other"));
  Apply(table);
  const std::set<std::string> more = actions();
  EXPECT_EQ(more.size(), 3U);
  EXPECT_TRUE(std::ranges::includes(more, first));
  table[0].rules.erase(table[0].rules.begin());
  Apply(table);
  const std::set<std::string> less = actions();
  EXPECT_EQ(less.size(), 2U);
  EXPECT_TRUE(std::ranges::includes(more, less));
  EXPECT_EQ(steering_->Read()->rules, 2U);
}

TEST_F(NftSteeringTest, SegmentsThatStayAreNotMadeAgain) {
  SteeringTable table = DropTo({"10.9.0.2"});
  for (int i = 0; i < 300; ++i) {
    const std::string network = StrCat("10.", 10 + i / 100, ".", i % 100, ".0/24");
    table[0].rules.push_back(Drop({To({network})}, StrCat("c", i)));
  }
  const auto segments = [] { return ChainsInUse("segment", "jump"); };
  Apply(table);
  const std::set<std::string> first = segments();
  EXPECT_GE(first.size(), 300U / 64);
  const auto send = [&] {
    for (const char* remote : {"10.9.0.2", "10.10.0.1", "10.11.20.1", "10.12.99.1"}) {
      SendOut(remote);
    }
  };
  send();
  table[0].rules.erase(table[0].rules.begin() + 151);
  Apply(table);
  const std::set<std::string> second = segments();
  std::vector<std::string> kept;
  std::ranges::set_intersection(first, second, std::back_inserter(kept));
  EXPECT_LT(kept.size(), first.size());
  EXPECT_GE(kept.size() + 3, first.size());
  EXPECT_EQ(steering_->Read()->rules, 300U);
  send();
  SendOut("10.11.50.1");  // whose rule has gone
  for (const char* counter : {"hits", "c0", "c120", "c299"}) {
    EXPECT_EQ(Hits(counter), 2U) << counter;
  }
}

TEST_F(NftSteeringTest, TenThousandPrefixes) {
  for (const size_t count : {10'000UL, 20'000UL}) {
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
      const IpAddress base = *IpAddress::Parse(family == Family::kIpv4 ? "11.0.0.0" : "fd11::");
      std::vector<IpRange> ranges;
      for (size_t i = 0; i < count; ++i) {
        const absl::uint128 first = base.value + 16 * i;
        ranges.push_back({first, first + 3});
      }
      SteeringChain chain = Chain(Direction::kEgress);
      chain.rules = {Drop({{.remote = AddressSet(family, std::move(ranges))}}, "hits")};
      const auto start = steady_clock::now();
      Apply({chain});
      const auto installed = steady_clock::now();
      // The same addresses again are not sent again.
      chain.rules.push_back(Drop({To({"10.9.0.3"})}, "other"));
      Apply({chain});
      const auto changed = steady_clock::now();
      LabPacket packet{.remote = {family, base.value + 16 * (count - 1) + 3}, .ip_protocol = 17};
      Send(packet);
      packet.remote.value += 1;
      Send(packet);
      EXPECT_EQ(Hits(), 1U);
      EXPECT_EQ(Hits("other"), 0U);
      const auto removing = steady_clock::now();
      Apply({});
      const auto removed = steady_clock::now();
      const auto ms = [](auto duration) {
        return std::chrono::duration<double, std::milli>(duration).count();
      };
      printf("%zu prefixes, %s: installed in %.1f ms, changed in %.2f ms, removed in %.2f ms\n",
             count, family == Family::kIpv4 ? "IPv4" : "IPv6", ms(installed - start),
             ms(changed - installed), ms(removed - removing));
    }
  }
}

TEST_F(NftSteeringTest, KernelRemovesEverythingWhenTheOwnerIsKilled) {
  UniqueFd server;
  peer().Run([&] { server = OpenSocket("0.0.0.0", SOCK_STREAM, 80, true); });
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto owner = OpenNftSteering();
    const bool applied = owner.ok() && (*owner)->Apply(DropTo({"10.9.0.2"})).ok();
    if (write(ready[1], applied ? "1" : "0", 1) == 1) pause();
    _exit(1);
  }
  char applied = '0';
  ASSERT_EQ(read(ready[0], &applied, 1), 1);
  EXPECT_EQ(applied, '1');
  EXPECT_TRUE(ConnectHangs("10.9.0.2", 80));
  EXPECT_TRUE(steering_->Read()->present);
  // While it lives nobody else takes its table.
  const Status refused = steering_->Apply(DropTo({"10.9.0.3"}));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("belongs to another process"));
  EXPECT_EQ(steering_->Apply({}), refused);

  ASSERT_EQ(kill(child, SIGKILL), 0);
  // The first Apply of the next process may come before the kernel is done.
  Apply(DropTo({"10.9.0.3"}));
  EXPECT_TRUE(Connects("10.9.0.2", 80, kAnswers));
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  close(ready[0]);
  close(ready[1]);
}

TEST_F(NftSteeringTest, ClosingTheObjectRemovesEverything) {
  Apply(DropTo({"10.9.0.2"}));
  steering_.reset();
  EXPECT_EQ(Snapshot(), before_);
}

TEST_F(NftSteeringTest, FailedApplyKeepsTheStateBefore) {
  Apply(DropTo({"10.9.0.2"}));
  SendOut("10.9.0.2");
  SteeringTable table = DropTo({"10.9.0.3", "10.9.0.5"});
  table[0].rules.push_back(Drop({To({"10.9.0.4"})}, std::string(300, 'n')));
  const Status status = steering_->Apply(table);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("apply nftables table faultd: add counter nnn"));
  SendOut("10.9.0.2");
  SendOut("10.9.0.3");
  EXPECT_EQ(Hits(), 2U);
  // What comes next does not lose the counters either.
  Apply(DropTo({"10.9.0.3", "10.9.0.5"}));
  SendOut("10.9.0.3");
  EXPECT_EQ(Hits(), 3U);
}

TEST_F(NftSteeringTest, InterfaceThatVanishedIsNoObstacle) {
  Sh("ip link add v2 type veth peer name v3");
  SteeringTable table = DropTo({"10.9.0.2"});
  table.push_back({.interface = "v2", .ifindex = 77, .direction = Direction::kIngress});
  table[1].rules = {Drop({To({"10.9.0.4", "10.9.0.6"})}, "other")};
  for (int i = 0; i < 40; ++i) {  // with segments
    table[1].rules.push_back(Drop({To({StrCat("10.8.", i, ".0/24")})}, StrCat("c", i)));
  }
  Apply(table);
  EXPECT_EQ(steering_->Read()->rules, 42U);
  SendOut("10.9.0.2");
  Sh("ip link delete v2");
  table.pop_back();
  Apply(table);
  SendOut("10.9.0.2");
  EXPECT_EQ(Hits(), 2U);
  EXPECT_EQ(steering_->Read()->rules, 1U);
  EXPECT_THAT(Sh("nft list ruleset"), Not(HasSubstr("ingress")));
}

TEST_F(NftSteeringTest, TableOfTheSameNameThatNobodyOwnsIsReplaced) {
  Sh("nft 'add table netdev faultd; add chain netdev faultd junk'");
  EXPECT_TRUE(steering_->Read()->present);
  Apply(DropTo({"10.9.0.2"}));
  EXPECT_THAT(Sh("nft list ruleset"), Not(HasSubstr("junk")));
  Apply({});
  Sh("nft 'add table netdev faultd; add chain netdev faultd junk'");
}

TEST_F(NftSteeringTest, SurvivesFlushOfTheRuleset) {
  Apply(DropTo({"10.9.0.2"}));
  Sh("nft flush ruleset");
  SendOut("10.9.0.2");
  EXPECT_EQ(Hits(), 1U);
}

TEST_F(NftSteeringTest, RulesetReadsAsWhatWasMeant) {
  SteeringChain chain = Chain(Direction::kEgress);
  PacketMatch ports = To({"10.9.0.0/30"});
  ports.protocol = Protocol::kTcp;
  ports.remote_ports = {80, 90};
  ports.flows_percent = 20;
  chain.protect = {To({"169.254.169.254"})};
  chain.rules = {Drop({ports}, "c1"), Drop({To({"fd09::2", "fd09::8"})}, "c2")};
  chain.rules[0].share = 0.25;
  chain.rules[1].except = {To({"fd09::2"})};
  Apply({chain});
  const std::string ruleset = Sh("nft list ruleset");
  for (const char* line :
       {"flags owner", "type filter hook egress device \"v0\" priority 1000; policy accept;",
        "ip daddr 169.254.169.254 accept", "icmpv6 type 133-137 accept",
        "ip daddr 10.9.0.0/30 tcp dport 80-90 jhash ip daddr . ip saddr . tcp dport . tcp sport . ",
        "mod 100 seed 0xfa17d < 20 goto action_",
        "counter name \"c1\" numgen random mod 1000000000 < 250000000 fwd to \"faultd-null\"",
        "fd09::2,", "fd09::8 }", "ip6 daddr @addresses_", "ip6 daddr fd09::2 return",
        "jump class_"}) {
    EXPECT_THAT(ruleset, HasSubstr(line));
  }
}

TEST_F(NftSteeringTest, TooManyCountersAreRefused) {
  SteeringTable table = DropTo({"10.9.0.2"});
  for (int i = 0; i < 63; ++i) table[0].rules[0].counters.push_back(StrCat("c", i));
  Apply(table);
  table[0].rules[0].counters.push_back("more");
  EXPECT_EQ(steering_->Apply(table).message(),
            "nftables counts a packet with at most 64 counters, not 65");
}

}  // namespace
}  // namespace faultd

#include "kernel/packet_match.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace faultd {
namespace {

constexpr IpAddress kTen{Family::kIpv4, 10};
constexpr IpAddress kTenV6{Family::kIpv6, 10};

PacketMatch Everything(Family family) { return PacketMatch{AddressSet::All(family)}; }

TEST(PacketMatchTest, EverythingMatchesEveryPacketOfItsFamily) {
  for (Protocol protocol : {Protocol::kAny, Protocol::kTcp, Protocol::kUdp, Protocol::kIcmp}) {
    const Packet packet{.remote = kTen, .protocol = protocol, .flow_percentile = 99};
    EXPECT_TRUE(Everything(Family::kIpv4).Matches(packet));
    EXPECT_FALSE(Everything(Family::kIpv6).Matches(packet));
    EXPECT_TRUE(Everything(Family::kIpv6).Matches(Packet{.remote = kTenV6, .protocol = protocol}));
  }
}

TEST(PacketMatchTest, PortsAreOfTcpAndUdpAlone) {
  PacketMatch match = Everything(Family::kIpv4);
  match.remote_ports = {0, 443};
  EXPECT_TRUE(match.Matches({.remote = kTen, .protocol = Protocol::kTcp, .remote_port = 443}));
  EXPECT_FALSE(match.Matches({.remote = kTen, .protocol = Protocol::kTcp, .remote_port = 444}));
  EXPECT_FALSE(match.Matches({.remote = kTen, .protocol = Protocol::kIcmp}));
  EXPECT_FALSE(match.Matches({.remote = kTen, .protocol = Protocol::kAny}));
}

TEST(PacketMatchTest, AShareOfFlowsIsThoseOfLowPercentile) {
  PacketMatch match = Everything(Family::kIpv4);
  match.flows_percent = 30;
  EXPECT_TRUE(match.Matches({.remote = kTen, .flow_percentile = 29}));
  EXPECT_FALSE(match.Matches({.remote = kTen, .flow_percentile = 30}));
  match.flows_percent = 0;
  EXPECT_FALSE(match.Matches({.remote = kTen, .flow_percentile = 0}));
}

TEST(IntersectTest, OfDifferentFamiliesIsNothing) {
  EXPECT_FALSE(Intersect(Everything(Family::kIpv4), Everything(Family::kIpv6)));
  EXPECT_FALSE(Covers(Everything(Family::kIpv4), Everything(Family::kIpv6)));
}

TEST(IntersectTest, TakesTheNarrowerOfEach) {
  PacketMatch a = Everything(Family::kIpv4);
  a.protocol = Protocol::kTcp;
  a.remote_ports = {100, 200};
  PacketMatch b = Everything(Family::kIpv4);
  b.remote_ports = {150, 300};
  b.flows_percent = 40;
  PacketMatch both = a;
  both.remote_ports = {150, 200};
  both.flows_percent = 40;
  EXPECT_EQ(*Intersect(a, b), both);
  b.protocol = Protocol::kUdp;
  EXPECT_FALSE(Intersect(a, b));
}

TEST(CoversTest, IsInclusion) {
  PacketMatch narrow = Everything(Family::kIpv4);
  narrow.protocol = Protocol::kUdp;
  narrow.local_ports = {53, 53};
  EXPECT_TRUE(Covers(Everything(Family::kIpv4), narrow));
  EXPECT_TRUE(Covers(narrow, narrow));
  EXPECT_FALSE(Covers(narrow, Everything(Family::kIpv4)));
}

// Matches and packets from a world of few values, so that all the borders are met often.
class PacketMatchPropertyTest : public ::testing::Test {
 protected:
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }

  uint16_t Port() {
    constexpr uint16_t kPorts[] = {0, 1, 53, 443, 444, 8080, 65534, 65535};
    return kPorts[Below(std::size(kPorts))];
  }

  PortRange Ports() {
    if (Below(2) == 0) return {};
    const uint16_t a = Port();
    const uint16_t b = Port();
    return {std::min(a, b), std::max(a, b)};
  }

  Family AnyFamily() { return Below(2) == 0 ? Family::kIpv4 : Family::kIpv6; }

  PacketMatch Match() {
    std::vector<IpRange> ranges;
    for (uint32_t left = Below(3); left > 0; --left) {
      const uint32_t first = Below(16);
      ranges.push_back({first, first + Below(8)});
    }
    const Family family = AnyFamily();
    PacketMatch match{ranges.empty() ? AddressSet::All(family) : AddressSet(family, ranges)};
    match.protocol = static_cast<Protocol>(Below(4));
    if (match.protocol == Protocol::kTcp || match.protocol == Protocol::kUdp) {
      match.remote_ports = Ports();
      match.local_ports = Ports();
    }
    if (Below(3) == 0) match.flows_percent = static_cast<uint8_t>(1 + Below(100));
    return match;
  }

  Packet RandomPacket() {
    return {.remote = {AnyFamily(), Below(24)},
            .protocol = static_cast<Protocol>(Below(4)),
            .remote_port = Port(),
            .local_port = Port(),
            .flow_percentile = static_cast<uint8_t>(Below(100))};
  }

  std::mt19937 random_{20240607};
};

TEST_F(PacketMatchPropertyTest, AnIntersectionMatchesWhatBothMatch) {
  int both_match = 0;
  for (int round = 0; round < 20000; ++round) {
    const PacketMatch a = Match();
    const PacketMatch b = Match();
    const auto both = Intersect(a, b);
    ASSERT_EQ(both, Intersect(b, a));
    for (int i = 0; i < 10; ++i) {
      const Packet packet = RandomPacket();
      const bool wanted = a.Matches(packet) && b.Matches(packet);
      ASSERT_EQ(both && both->Matches(packet), wanted);
      both_match += wanted ? 1 : 0;
    }
  }
  EXPECT_GT(both_match, 1000);
}

TEST_F(PacketMatchPropertyTest, ACoveredMatchMatchesNothingElse) {
  int covered = 0;
  for (int round = 0; round < 50000; ++round) {
    const PacketMatch outer = Match();
    const PacketMatch inner = Match();
    if (!Covers(outer, inner)) continue;
    ++covered;
    for (int i = 0; i < 10; ++i) {
      const Packet packet = RandomPacket();
      ASSERT_TRUE(!inner.Matches(packet) || outer.Matches(packet));
    }
  }
  EXPECT_GT(covered, 100);
}

}  // namespace
}  // namespace faultd

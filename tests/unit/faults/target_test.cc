#include "faults/net/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/text_format.h"
#include "support/fake_kernel_state.h"

namespace faultd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::NetworkTarget Target(const std::string& text) {
  v1::NetworkTarget target;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &target)) << text;
  return target;
}

TrafficSet Traffic(const std::string& text, const ResolvedNames& names = {}) {
  auto traffic = TrafficOf(Target(text), names);
  EXPECT_EQ(traffic.status(), absl::OkStatus());
  return *std::move(traffic);
}

AddressSet Set(std::initializer_list<std::string_view> cidrs) {
  std::vector<IpRange> ranges;
  Family family = Family::kIpv4;
  for (std::string_view cidr : cidrs) {
    const IpPrefix prefix = *IpPrefix::Parse(cidr);
    family = prefix.address.family;
    ranges.push_back(prefix.range());
  }
  return AddressSet(family, std::move(ranges));
}

std::vector<IpPrefix> Addresses(std::initializer_list<std::string_view> texts) {
  std::vector<IpPrefix> addresses;
  for (std::string_view text : texts) addresses.push_back(*IpPrefix::Parse(text));
  return addresses;
}

TEST(TrafficOfTest, AllTrafficIsBothFamilies) {
  EXPECT_THAT(Traffic("all_traffic: true").match,
              ElementsAre(PacketMatch{AddressSet::All(Family::kIpv4)},
                          PacketMatch{AddressSet::All(Family::kIpv6)}));
}

TEST(TrafficOfTest, AddressesOfLikeEndpointsAreOneMatch) {
  const TrafficSet traffic = Traffic(R"(
      to { host: "10.0.0.0/8" } to { host: "192.0.2.1" } to { host: "2001:db8::/32" })");
  EXPECT_THAT(traffic.match, ElementsAre(PacketMatch{Set({"10.0.0.0/8", "192.0.2.1"})},
                                         PacketMatch{Set({"2001:db8::/32"})}));
  EXPECT_THAT(traffic.except, IsEmpty());
}

TEST(TrafficOfTest, PortsWithoutProtocolAreTcpAndUdp) {
  EXPECT_THAT(Traffic(R"(to { host: "10.0.0.1" ports { first: 53 } })").match,
              ElementsAre(PacketMatch{Set({"10.0.0.1"}), Protocol::kTcp, {53, 53}},
                          PacketMatch{Set({"10.0.0.1"}), Protocol::kUdp, {53, 53}}));
}

TEST(TrafficOfTest, PortRangesAndLocalPorts) {
  EXPECT_THAT(Traffic(R"(to { host: "10.0.0.1" ports { first: 80 last: 90 }
                      local_ports { first: 7 } protocol: PROTOCOL_UDP })")
                  .match,
              ElementsAre(PacketMatch{Set({"10.0.0.1"}), Protocol::kUdp, {80, 90}, {7, 7}}));
}

TEST(TrafficOfTest, NoHostIsEveryAddressOfBothFamilies) {
  EXPECT_THAT(Traffic("to { protocol: PROTOCOL_ICMP }").match,
              ElementsAre(PacketMatch{AddressSet::All(Family::kIpv4), Protocol::kIcmp},
                          PacketMatch{AddressSet::All(Family::kIpv6), Protocol::kIcmp}));
}

TEST(TrafficOfTest, NamesAreTheirAddresses) {
  const ResolvedNames names = {{"db.example", Addresses({"10.0.0.1", "10.0.0.7", "2001:db8::1"})}};
  EXPECT_THAT(Traffic(R"(to { host: "db.example" protocol: PROTOCOL_TCP })", names).match,
              ElementsAre(PacketMatch{Set({"10.0.0.1", "10.0.0.7"}), Protocol::kTcp},
                          PacketMatch{Set({"2001:db8::1"}), Protocol::kTcp}));
}

TEST(TrafficOfTest, NamesMayStandForCidrs) {
  const ResolvedNames names = {
      {"us-east-1a", Addresses({"10.0.16.0/20", "10.0.32.0/20", "2001:db8:0:1::/64"})}};
  EXPECT_THAT(
      Traffic(R"(to { host: "us-east-1a" } except { host: "10.0.16.5" })", names).match,
      ElementsAre(PacketMatch{Set({"10.0.16.0/30", "10.0.16.4", "10.0.16.6/31", "10.0.16.8/29",
                                   "10.0.16.16/28", "10.0.16.32/27", "10.0.16.64/26",
                                   "10.0.16.128/25", "10.0.17.0/24", "10.0.18.0/23", "10.0.20.0/22",
                                   "10.0.24.0/21", "10.0.32.0/20"})},
                  PacketMatch{Set({"2001:db8:0:1::/64"})}));
}

TEST(TrafficOfTest, NameWithTenThousandAddressesIsOneMatch) {
  ResolvedNames names;
  for (uint32_t i = 0; i < 10'000; ++i) {
    names["cdn.example"].push_back({{Family::kIpv4, 0x0a000000 + 2 * i}, 32});
  }
  const TrafficSet traffic = Traffic(R"(to { host: "cdn.example" })", names);
  ASSERT_EQ(traffic.match.size(), 1u);
  EXPECT_EQ(traffic.match[0].remote.ranges().size(), 10'000u);
}

TEST(TrafficOfTest, NameWithoutAddressesIsAnError) {
  const Status status = TrafficOf(Target(R"(to { host: "db.example" })"), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "the name db.example has no addresses; check the name and the host's resolver");
  EXPECT_EQ(DetailsOf(status).precondition_type, "NAME");
  EXPECT_EQ(DetailsOf(status).precondition_subject, "db.example");
}

TEST(TrafficOfTest, ExceptedAddressesAreTakenOut) {
  const TrafficSet traffic = Traffic(R"(to { host: "10.0.0.0/30" } except { host: "10.0.0.2" })");
  EXPECT_THAT(traffic.match, ElementsAre(PacketMatch{Set({"10.0.0.0/31", "10.0.0.3"})}));
  EXPECT_THAT(traffic.except, IsEmpty());
}

TEST(TrafficOfTest, ExceptedPortsStayExceptions) {
  const TrafficSet traffic =
      Traffic(R"(to { host: "10.0.0.0/8" } except { ports { first: 22 } protocol: PROTOCOL_TCP })");
  EXPECT_THAT(traffic.match, ElementsAre(PacketMatch{Set({"10.0.0.0/8"})}));
  EXPECT_THAT(traffic.except,
              ElementsAre(PacketMatch{AddressSet::All(Family::kIpv4), Protocol::kTcp, {22, 22}}));
}

TEST(TrafficOfTest, ShareOfFlowsIsOfTheTargetAndNotOfTheExceptions) {
  const TrafficSet traffic = Traffic(R"(
      to { host: "10.0.0.0/8" } flows_percent: 30 except { protocol: PROTOCOL_ICMP })");
  EXPECT_EQ(traffic.match.at(0).flows_percent, 30);
  EXPECT_EQ(traffic.except.at(0).flows_percent, 100);
}

TEST(TrafficOfTest, EverythingExceptedIsNothing) {
  EXPECT_TRUE(Traffic(R"(to { host: "10.0.0.1" } except { host: "10.0.0.0/8" })").empty());
}

TEST(NamesInTest, AreNamedOnceAndAddressesAreNone) {
  EXPECT_THAT(NamesIn(Target(R"(
      to { host: "db.example" } to { host: "10.0.0.1" } to { host: "db.example" ports { first: 1 } }
      to { protocol: PROTOCOL_TCP } except { host: "a.example" })")),
              ElementsAre("a.example", "db.example"));
}

TEST(DescribeTest, SaysWhatTheUserWouldWrite) {
  const auto words = [](const std::string& text) { return Describe(Target(text)); };
  EXPECT_EQ(words("all_traffic: true"), "all traffic");
  EXPECT_EQ(words(R"(to { host: "10.0.0.0/8" ports { first: 5432 } protocol: PROTOCOL_TCP })"),
            "10.0.0.0/8:5432/tcp");
  EXPECT_EQ(words(R"(to { host: "2001:db8::5" ports { first: 443 last: 444 } })"),
            "[2001:db8::5]:443-444");
  EXPECT_EQ(words(R"(to { host: "2001:db8::5" protocol: PROTOCOL_UDP })"), "2001:db8::5/udp");
  EXPECT_EQ(words("to { protocol: PROTOCOL_ICMP }"), "any/icmp");
  EXPECT_EQ(words("to { local_ports { first: 80 } }"), "any at local port 80");
  EXPECT_EQ(words(R"(to { host: "db.example" } to { host: "a" } to { host: "b" })"),
            "db.example and 2 more");
}

TEST(DirectionsOfTest, DefaultIsEgress) {
  EXPECT_THAT(DirectionsOf(Target("")), ElementsAre(Direction::kEgress));
  EXPECT_THAT(DirectionsOf(Target("direction: DIRECTION_INGRESS")),
              ElementsAre(Direction::kIngress));
  EXPECT_THAT(DirectionsOf(Target("direction: DIRECTION_BOTH")),
              ElementsAre(Direction::kEgress, Direction::kIngress));
}

}  // namespace
}  // namespace faultd

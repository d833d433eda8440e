#include "kernel/flower_filter.h"

#include <gmock/gmock.h>

#include "kernel/flower_plan.h"

namespace faultd::flower {
namespace {

using ::testing::ElementsAre;

AddressSet V4(std::vector<std::pair<const char*, const char*>> ranges) {
  std::vector<IpRange> parsed;
  parsed.reserve(ranges.size());
  for (const auto& [first, last] : ranges) {
    parsed.push_back({IpAddress::Parse(first)->value, IpAddress::Parse(last)->value});
  }
  return AddressSet(Family::kIpv4, std::move(parsed));
}

std::vector<std::string> Remotes(const AddressSet& addresses) {
  std::vector<std::string> remotes;
  for (const FilterKeys& keys : KeysOf({.remote = addresses})) {
    remotes.push_back(keys.remote ? keys.remote->ToString() : "all");
  }
  return remotes;
}

TEST(FlowerFilterTest, RangesBecomeTheFewestPrefixes) {
  EXPECT_THAT(Remotes(V4({{"10.0.0.1", "10.0.0.6"}})),
              ElementsAre("10.0.0.1", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6"));
  EXPECT_THAT(Remotes(V4({{"10.0.0.0", "10.0.1.255"}, {"10.9.0.7", "10.9.0.7"}})),
              ElementsAre("10.0.0.0/23", "10.9.0.7"));
  EXPECT_THAT(Remotes(V4({{"128.0.0.0", "255.255.255.255"}})), ElementsAre("128.0.0.0/1"));
  EXPECT_THAT(Remotes(AddressSet::All(Family::kIpv6)), ElementsAre("all"));
  const AddressSet all_but_one =
      AddressSet::All(Family::kIpv6).Subtract(AddressSet(Family::kIpv6, {{0, 0}}));
  EXPECT_EQ(Remotes(all_but_one).size(), 128U);
}

TEST(FlowerFilterTest, PortsOfAnyProtocolAreThoseOfTcpAndUdp) {
  const auto keys =
      KeysOf({.remote = AddressSet::All(Family::kIpv4), .remote_ports = {.first = 1, .last = 9}});
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].ip_protocol, 6);
  EXPECT_EQ(keys[1].ip_protocol, 17);
}

TEST(FlowerPlanTest, ExceptionsGoOnInAnotherChainUnlessTheRuleIsTheLast) {
  const PacketMatch all{.remote = AddressSet::All(Family::kIpv4)};
  SteeringChain chain{.protect = {all}};
  chain.rules = {{.match = {all}, .except = {all}, .link_index = 7},
                 {.match = {all}, .except = {all}, .link_index = 8}};
  uint32_t chains = 100;
  uint32_t actions = 1;
  const std::vector<Step> steps =
      PlanChain(chain, [&] { return chains++; }, [&] { return actions++; });
  using Kind = FilterAction::Kind;
  struct Expected {
    uint32_t chain;
    Kind kind;
    uint32_t goes_to;
    int link;
  };
  const std::vector<Expected> expected = {
      {0, Kind::kPass, 0, 0},       // neighbour discovery
      {0, Kind::kPass, 0, 0},       // protect
      {0, Kind::kGoto, 100, 0},     // the first rule's exceptions
      {0, Kind::kRedirect, 0, 7},   // its packets
      {0, Kind::kGoto, 100, 0},     // all others
      {100, Kind::kPass, 0, 0},     // the second rule's exceptions
      {100, Kind::kRedirect, 0, 8}  // its packets
  };
  ASSERT_EQ(steps.size(), expected.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].chain, expected[i].chain) << i;
    EXPECT_EQ(steps[i].action.kind, expected[i].kind) << i;
    EXPECT_EQ(steps[i].action.chain, expected[i].goes_to) << i;
    EXPECT_EQ(steps[i].action.link_index, expected[i].link) << i;
  }
}

}  // namespace
}  // namespace faultd::flower

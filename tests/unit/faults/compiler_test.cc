#include "faults/net/compiler.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/strings.h"
#include "support/fake_kernel_state.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;

PacketMatch To(std::string_view cidr) {
  const IpPrefix prefix = *IpPrefix::Parse(cidr);
  return {AddressSet(prefix.address.family, {prefix.range()})};
}

NetworkFault Delay(const std::string& id, std::string_view cidr, int ms) {
  return {id, {{To(cidr)}, {}}, {.netem = {.delay = milliseconds(ms)}}};
}

TEST(CompilerTest, NoFaultsAreNoClasses) { EXPECT_TRUE(Compile({})->empty()); }

TEST(CompilerTest, OverlapComesFirst) {
  std::vector<NetworkFault> faults = {Delay("a", "10.0.0.0/8", 100), Delay("b", "10.1.0.0/16", 20)};
  faults[1].traffic.match.push_back(To("11.0.0.0/8"));
  auto classes = Compile(faults);
  ASSERT_TRUE(classes.ok());
  ASSERT_EQ(classes->size(), 3u);
  EXPECT_EQ((*classes)[0].faults, (std::vector<size_t>{0, 1}));
  EXPECT_EQ((*classes)[0].effect.netem.delay, milliseconds(120));
  EXPECT_EQ((*classes)[1].faults, std::vector<size_t>{0});
  EXPECT_EQ((*classes)[2].faults, std::vector<size_t>{1});
}

TEST(CompilerTest, ClassInsideANewFaultIsReplaced) {
  const std::vector<NetworkFault> faults = {Delay("a", "10.1.0.0/16", 100),
                                            Delay("b", "10.0.0.0/8", 20)};
  auto classes = Compile(faults);
  ASSERT_TRUE(classes.ok());
  ASSERT_EQ(classes->size(), 2u);
  EXPECT_EQ((*classes)[0].faults, (std::vector<size_t>{0, 1}));
  EXPECT_EQ((*classes)[1].faults, std::vector<size_t>{1});
}

TEST(CompilerTest, FaultInsideAClassGetsNoClassOfItsOwn) {
  const std::vector<NetworkFault> faults = {Delay("a", "10.0.0.0/8", 100),
                                            Delay("b", "10.1.0.0/16", 20)};
  auto classes = Compile(faults);
  ASSERT_TRUE(classes.ok());
  ASSERT_EQ(classes->size(), 2u);
  EXPECT_EQ((*classes)[0].faults, (std::vector<size_t>{0, 1}));
  EXPECT_EQ((*classes)[1].faults, std::vector<size_t>{0});
}

TEST(CompilerTest, FamiliesDoNotOverlap) {
  const std::vector<NetworkFault> faults = {Delay("a", "0.0.0.0/0", 1), Delay("b", "::/0", 1)};
  EXPECT_EQ(Compile(faults)->size(), 2u);
}

TEST(CompilerTest, ThousandDisjointFaultsAreThousandClasses) {
  std::vector<NetworkFault> faults(1000);
  for (int i = 0; NetworkFault & fault : faults) {
    fault = Delay(StrCat("f", i), StrCat("10.", i / 256, ".", i % 256, ".0/24"), 5);
    ++i;
  }
  auto classes = Compile(faults);
  ASSERT_TRUE(classes.ok());
  EXPECT_EQ(classes->size(), 1000u);
}

TEST(CompilerTest, FaultsThatMeetOnlyThroughAnotherAreCompared) {
  std::vector<NetworkFault> faults = {Delay("a", "10.0.0.0/8", 1), Delay("b", "12.0.0.0/8", 2),
                                      Delay("apart", "20.0.0.0/8", 4),
                                      Delay("both", "10.1.0.0/16", 8)};
  faults[3].traffic.match.push_back(To("12.1.0.0/16"));
  faults[3].traffic.match.push_back(To("30.0.0.0/8"));
  auto classes = Compile(faults);
  ASSERT_TRUE(classes.ok());
  std::vector<std::vector<size_t>> members;
  for (const TrafficClass& each : *classes) members.push_back(each.faults);
  EXPECT_EQ(members, (std::vector<std::vector<size_t>>{{0, 3}, {0}, {1, 3}, {1}, {3}, {2}}));
}

TEST(CompilerTest, FaultsOnTheSamePacketsAreOneClass) {
  std::vector<NetworkFault> faults(100);
  for (int i = 0; NetworkFault & fault : faults) fault = Delay(StrCat("f", i++), "10.0.0.0/8", 1);
  auto classes = Compile(faults);
  ASSERT_TRUE(classes.ok());
  ASSERT_EQ(classes->size(), 1u);
  EXPECT_EQ((*classes)[0].faults.size(), 100u);
  EXPECT_EQ((*classes)[0].effect.netem.delay, milliseconds(100));
}

// Each fault takes another half of the addresses, so that each doubles the number of classes.
TEST(CompilerTest, TooManyWaysToOverlapAreRefused) {
  const auto half = [](int bit) {
    std::vector<IpRange> ranges;
    for (uint32_t first = 0; first < 1U << 14; ++first) {
      if ((first >> bit & 1) != 0) ranges.push_back({first, first});
    }
    return NetworkFault{StrCat("f", bit),
                        {{{AddressSet(Family::kIpv4, std::move(ranges))}}, {}},
                        {.blackhole = true, .netem = {}}};
  };
  std::vector<NetworkFault> faults(12);
  for (int bit = 0; NetworkFault & fault : faults) fault = half(bit++);
  auto most = Compile(faults);
  ASSERT_TRUE(most.ok());
  EXPECT_EQ(most->size(), kMaxTrafficClasses - 1);
  faults.push_back(half(12));
  EXPECT_EQ(Compile(faults).status(),
            absl::ResourceExhaustedError("the active network faults overlap in more than 4096 "
                                         "different ways; revert some of them first"));
}

TEST(CompilerTest, LossesCombineAsIndependentChances) {
  const PacketEffect a{.netem = {.loss = 0.5, .loss_correlation = 0.1}};
  const PacketEffect b{.netem = {.loss = 0.2, .loss_correlation = 0.3}};
  auto both = Combine(a, b);
  ASSERT_TRUE(both.ok());
  EXPECT_DOUBLE_EQ(both->netem.loss, 0.6);
  EXPECT_DOUBLE_EQ(both->netem.loss_correlation, 0.3);
}

TEST(CompilerTest, DelaysAndJittersAdd) {
  const PacketEffect a{.netem = {.delay = milliseconds(100),
                                 .jitter = milliseconds(10),
                                 .delay_correlation = 0.5,
                                 .distribution = DelayDistribution::kPareto}};
  const PacketEffect b{.netem = {.delay = milliseconds(20), .jitter = milliseconds(5)}};
  auto both = Combine(a, b);
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(both->netem.delay, milliseconds(120));
  EXPECT_EQ(both->netem.jitter, milliseconds(15));
  EXPECT_EQ(both->netem.delay_correlation, 0.5);
  EXPECT_EQ(both->netem.distribution, DelayDistribution::kNormal);
}

TEST(CompilerTest, DistributionStaysWhereOnlyOneHasJitter) {
  const PacketEffect a{.netem = {.delay = milliseconds(100),
                                 .jitter = milliseconds(10),
                                 .distribution = DelayDistribution::kPareto}};
  const PacketEffect b{.netem = {.delay = milliseconds(20)}};
  EXPECT_EQ(Combine(a, b)->netem.distribution, DelayDistribution::kPareto);
  EXPECT_EQ(Combine(b, a)->netem.distribution, DelayDistribution::kPareto);
}

TEST(CompilerTest, BlackholeWins) {
  const PacketEffect hole{.blackhole = true, .netem = {}};
  const PacketEffect delay{.netem = {.delay = milliseconds(100)}};
  EXPECT_EQ(*Combine(hole, delay), hole);
  EXPECT_EQ(*Combine(delay, hole), hole);
}

TEST(CompilerTest, UniformLossGoesIntoBothStatesOfBursts) {
  const PacketEffect bursts{
      .netem = {.burst_loss =
                    BurstLoss{.good_to_bad = 0.1, .bad_to_good = 0.2, .loss_in_bad = 0.8}}};
  const PacketEffect uniform{.netem = {.loss = 0.5}};
  auto both = Combine(bursts, uniform);
  ASSERT_TRUE(both.ok());
  ASSERT_TRUE(both->netem.burst_loss);
  EXPECT_DOUBLE_EQ(both->netem.burst_loss->loss_in_bad, 0.9);
  EXPECT_DOUBLE_EQ(both->netem.burst_loss->loss_in_good, 0.5);
  EXPECT_EQ(both->netem.loss, 0);
}

// Named were the last member of the overlap, not the one that is in the way.
TEST(CompilerTest, TwoBurstLossesAreRefusedByTheNamesOfTheTwo) {
  const PacketEffect bursts{.netem = {.burst_loss = BurstLoss{.good_to_bad = 0.1}}};
  std::vector<NetworkFault> faults = {
      Delay("x", "10.0.0.0/8", 1), Delay("between", "10.0.0.0/8", 1), Delay("y", "10.0.0.0/8", 1)};
  faults[0].effect = bursts;
  faults[2].effect = bursts;
  EXPECT_EQ(Compile(faults).status(),
            absl::FailedPreconditionError("overlap of faults x and y: two Gilbert-Elliott losses "
                                          "cannot hit the same packets"));
}

}  // namespace
}  // namespace faultd

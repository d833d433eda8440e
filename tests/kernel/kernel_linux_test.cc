#include <gmock/gmock.h>

#include "kernel/kernel.h"
#include "support/netns.h"

namespace faultd {
namespace {

class KernelLinuxTest : public NetnsTest {};

TEST_F(KernelLinuxTest, FindsOutFeaturesWithoutTouchingTheNamespace) {
  const std::string before = Sh("ip -d link; nft list ruleset; tc qdisc");
  const NetworkFeatures features = ProbeNetworkFeatures();
  EXPECT_EQ(Sh("ip -d link; nft list ruleset; tc qdisc"), before);
  EXPECT_TRUE(features.ifb.ok()) << features.ifb;
  EXPECT_TRUE(features.nftables.ok()) << features.nftables;
  // Whatever is missing is explained.
  for (const Status& each : {features.netem, features.flower}) {
    if (each.ok()) continue;
    EXPECT_EQ(DetailsOf(each).precondition_type, "MODULE") << each;
    EXPECT_THAT(std::string(each.message()), ::testing::HasSubstr("module")) << each;
  }
}

TEST_F(KernelLinuxTest, TakesNftablesWhereItCan) {
  auto kernel = OpenLinuxKernel(SteeringChoice::kAuto, {});
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_EQ((*kernel)->steering().name(), "nftables");
  const NetworkFeatures& features = (*kernel)->features();
  EXPECT_EQ(&features, &(*kernel)->features(true));
}

TEST_F(KernelLinuxTest, TakesTheSteeringThatWasChosen) {
  EXPECT_EQ((*OpenLinuxKernel(SteeringChoice::kNftables, {}))->steering().name(), "nftables");
  EXPECT_EQ((*OpenLinuxKernel(SteeringChoice::kFlower, {}))->steering().name(), "flower");
}

TEST_F(KernelLinuxTest, ForRemovalAddsNothing) {
  auto kernel = OpenLinuxKernelForRemoval("/nonexistent");
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  Steering& steering = (*kernel)->steering();
  const Status refused = steering.Apply({SteeringChain{"lo", 1, Direction::kEgress, {}, {}}});
  EXPECT_EQ(refused.message(), "this process only removes network faults and adds none");
  EXPECT_TRUE(steering.Apply({}).ok());
  auto state = steering.Read();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_FALSE(state->present);
}

TEST_F(KernelLinuxTest, ForRemovalSeesWhatAnotherProcessOwns) {
  auto owner = OpenLinuxKernel(SteeringChoice::kNftables, {});
  auto link = (*owner)->links().CreateIfb("faultd-null", false);
  const SteeringRule rule{.match = {PacketMatch{AddressSet::All(Family::kIpv4)}},
                          .link_index = link->index};
  ASSERT_TRUE(
      (*owner)->steering().Apply({SteeringChain{"lo", 1, Direction::kEgress, {}, {rule}}}).ok());
  auto remover = OpenLinuxKernelForRemoval("/nonexistent");
  auto state = (*remover)->steering().Read();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(state->present);
  // The owner is gone, and with it the table.
  owner->reset();
  EXPECT_TRUE((*remover)->steering().Apply({}).ok());
  EXPECT_FALSE((*remover)->steering().Read()->present);
}

}  // namespace
}  // namespace faultd

// What the plane does when the kernel cannot, will not, or has lost something.
#include <gmock/gmock.h>

#include "base/strings.h"
#include "faults/net/protect.h"
#include "support/plane_fixture.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using Failure = FakeScript::Failure;

class PlaneTroubleTest : public PlaneFixture {};

class FlowerPlaneTest : public PlaneFixture {
 protected:
  FlowerPlaneTest() : PlaneFixture(SteeringKind::kFlower) {}
};

TEST_F(PlaneTroubleTest, FailedFaultLeavesTheOthersAsTheyWere) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  const KernelState with_a = kernel.state();
  for (const char* call :
       {"create link", "set netem", "list netem", "apply steering", "read steering"}) {
    SCOPED_TRACE(call);
    for (Failure failure : {Failure::kBefore, Failure::kAfter}) {
      script.Reset();
      script.FailAll(call, failure);
      EXPECT_FALSE(plane.Set(Place("b", "10.1.0.0/16", Delay(20))).ok());
      script.Reset();
      RemoveFully("b");
      EXPECT_EQ(kernel.state(), with_a);
      EXPECT_FALSE(plane.active("b"));
    }
  }
}

TEST_F(PlaneTroubleTest, ErrorNamesWhatWasAttempted) {
  script.FailAll("create link");
  EXPECT_EQ(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).message(),
            "create link faultd0: Input/output error");
}

// Removing b would need a link for a alone, which a had before b covered it.
TEST_F(PlaneTroubleTest, FaultEndsEvenWhenTheOthersWouldNeedANewLink) {
  ASSERT_TRUE(plane.Set(Place("a", "10.1.0.0/16", Delay(100))).ok());
  ASSERT_TRUE(plane.Set(Place("b", "10.0.0.0/8", Delay(20))).ok());
  script.FailAll("create link");
  RemoveFully("b");
  EXPECT_EQ(FateOf("10.0.0.1"), FakeKernel::Fate());
  EXPECT_EQ(FateOf("10.1.0.1"), FakeKernel::Fate())
      << "passes untouched, as nothing better can be had";
  EXPECT_EQ(plane.Observe("a").status(),
            absl::DataLossError("fault a has no rules any more: its interface is gone, or no link "
                                "could be made for its packets"));
  script.Reset();
  EXPECT_EQ(plane.Observe("a").status(), absl::OkStatus());
  EXPECT_EQ(DelayTo("10.1.0.1"), milliseconds(100)) << "the link was made as soon as it could be";
  RemoveFully("a");
  EXPECT_EQ(kernel.state(), before);
}

// The first try failed for another reason than for want of a link.
TEST_F(PlaneTroubleTest, OthersGetTheirLinkAfterAFailureThatPassed) {
  ASSERT_TRUE(plane.Set(Place("a", "10.1.0.0/16", Delay(100))).ok());
  ASSERT_TRUE(plane.Set(Place("b", "10.0.0.0/8", Delay(20))).ok());
  script.FailAt(script.calls() + 1);
  RemoveFully("b");
  EXPECT_EQ(DelayTo("10.1.0.1"), milliseconds(100));
}

TEST_F(PlaneTroubleTest, RemovalThatCannotBeSeenIsInForceAndLookedAtAgain) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  ASSERT_TRUE(plane.Set(Place("b", "11.0.0.0/8", Delay(100))).ok());
  script.FailAll("read steering");
  EXPECT_FALSE(plane.Remove("a").ok());
  EXPECT_EQ(FateOf("10.0.0.1"), FakeKernel::Fate());
  EXPECT_FALSE(plane.Remove("a").ok()) << "not seen gone yet";
  EXPECT_EQ(DelayTo("11.0.0.1"), milliseconds(100));
  script.Reset();
  RemoveFully("a");
  RemoveFully("b");
  EXPECT_EQ(kernel.state(), before);
}

// The rules stayed in force though Apply answered with an error, and so did putting back the old
// ones: another fault was active, so nothing swept them away.
TEST_F(PlaneTroubleTest, RulesOfAFailedFaultDoNotStayBehindAnother) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  const KernelState with_a = kernel.state();
  script.FailAt(script.calls() + 5, Failure::kAfter);               // the new rules …
  script.FailAll("apply steering with 1 chain", Failure::kBefore);  // … and the old ones again
  EXPECT_FALSE(plane
                   .Set(Place("b", "11.0.0.0/8", Delay(20), {"eth0"},
                              {Direction::kEgress, Direction::kIngress}))
                   .ok());
  EXPECT_NE(FateOf("11.0.0.1"), FakeKernel::Fate()) << "the test must leave rules behind";
  script.Reset();
  RemoveFully("b");
  EXPECT_EQ(kernel.state(), with_a);
}

TEST_F(PlaneTroubleTest, MissingNetemLeavesUniformLoss) {
  kernel.RemoveNetem();
  ASSERT_EQ(plane.Set(Place("a", "10.0.0.0/8", Loss(0.25))), absl::OkStatus());
  const FakeKernel::Fate fate = FateOf("10.0.0.1");
  EXPECT_TRUE(fate.vanishes);
  EXPECT_EQ(fate.share, 0.25);
  kernel.Send("eth0", Direction::kEgress, PacketTo("10.0.0.1"), 100, 6400);
  EXPECT_EQ(plane.Observe("a")->packets_matched(), 100u);
  EXPECT_EQ(plane.Observe("a")->packets_dropped(), 25u);
  ASSERT_TRUE(plane.Set(Place("b", "11.0.0.0/8", Blackhole())).ok());
  ASSERT_TRUE(plane.Set(Place("c", "10.1.0.0/16", Loss(0.5))).ok());
  EXPECT_EQ(FateOf("10.1.0.1").share, 0.625);
  EXPECT_THAT(LinksOfOurs(), ElementsAre("faultd-null")) << "one for all that vanishes";
  RemoveFully("a");
  EXPECT_THAT(LinksOfOurs(), ElementsAre("faultd-null"));
  EXPECT_EQ(script.Count("create link"), 1u);
  RemoveFully("b");
  RemoveFully("c");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTroubleTest, MissingNetemRefusesAllElse) {
  kernel.RemoveNetem();
  const PacketEffect bursts{.netem = {.burst_loss = BurstLoss{.good_to_bad = 0.1}}};
  const PacketEffect correlated{.netem = {.loss = 0.1, .loss_correlation = 0.5}};
  for (const PacketEffect& effect : {Delay(100), bursts, correlated}) {
    const Status status = plane.Set(Place("a", "10.0.0.0/8", effect));
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(status.message(), "kernel module sch_netem is missing: install some-package");
    EXPECT_EQ(DetailsOf(status).precondition_type, "MODULE");
    EXPECT_EQ(DetailsOf(status).precondition_subject, "sch_netem");
  }
  RemoveFully("a");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTroubleTest, NetemInstalledMeanwhileIsFound) {
  NetworkFeatures none;
  none.netem = absl::FailedPreconditionError("no netem");
  kernel.SetFeatures(none, {});
  EXPECT_EQ(plane.Set(Place("a", "10.0.0.0/8", Delay(100))), absl::OkStatus());
  EXPECT_EQ(DelayTo("10.0.0.1"), milliseconds(100));
}

TEST_F(PlaneTroubleTest, FaultIsLostWithItsOnlyInterface) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  ASSERT_TRUE(plane.Set(Place("b", "10.0.0.0/8", Delay(100), {"eth1"})).ok());
  kernel.RemoveInterface("eth0");
  EXPECT_EQ(plane.Observe("a").status(),
            absl::DataLossError("the interface of fault a is gone, or has another name"));
  EXPECT_EQ(plane.Observe("b").status(), absl::OkStatus());
  RemoveFully("a");
  EXPECT_EQ(FateOf("10.0.0.1", Direction::kEgress, "eth1").netem.delay, milliseconds(100));
  RemoveFully("b");
  EXPECT_THAT(LinksOfOurs(), IsEmpty());
  EXPECT_TRUE(kernel.state().table.empty());
}

// Which nftables lets go of, as of Linux 6.16.
TEST_F(PlaneTroubleTest, FaultIsLostWithTheNameOfItsInterface) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Blackhole())).ok());
  Link link = kernel.state().links.begin()->second;
  link.name = "renamed0";
  kernel.AddLink(link);
  EXPECT_EQ(plane.Observe("a").status(),
            absl::DataLossError("the interface of fault a is gone, or has another name"));
}

TEST_F(PlaneTroubleTest, FaultIsLostWhenSomebodyChangesItsLink) {
  struct Case {
    const char* how;
    std::function<void(const Link&)> change;
  };
  int foreign = 0;
  const Case cases[] = {
      {"deleted link faultd", [&](const Link& link) { kernel.RemoveLink(link.index); }},
      {"replaced link faultd",
       [&](const Link& link) {
         kernel.RemoveLink(link.index);
         kernel.AddLink({.index = link.index, .name = link.name, .kind = "dummy", .up = true});
         foreign = link.index;
       }},
      {"brought down link faultd",
       [&](Link link) {
         link.up = false;
         kernel.AddLink(link);
       }},
      {"removed netem from link faultd", [&](const Link& link) { kernel.RemoveNetem(link.index); }},
      {"changed netem on link faultd",
       [&](const Link& link) { kernel.FindNetem(link.index)->loss = 1; }},
  };
  int number = 0;
  for (const Case& each : cases) {
    const std::string name = std::to_string(number++);
    ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
    ASSERT_TRUE(plane.Set(Place("b", "11.0.0.0/8", Blackhole())).ok());
    const auto links = kernel.state().links;
    const auto link = std::ranges::find_if(
        links, [&](const auto& entry) { return entry.second.name == "faultd" + name; });
    ASSERT_NE(link, links.end());
    each.change(link->second);
    EXPECT_EQ(plane.Observe("a").status(),
              absl::DataLossError(StrCat("fault a: somebody else has ", each.how, name)));
    EXPECT_EQ(plane.Observe("b").status(), absl::OkStatus());
    RemoveFully("a");
    RemoveFully("b");
    if (foreign != 0) kernel.RemoveLink(std::exchange(foreign, 0));
    EXPECT_EQ(kernel.state(), before) << each.how;
  }
}

TEST_F(PlaneTroubleTest, BlackholeIsLostWhenSomebodyBringsItsLinkUp) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Blackhole())).ok());
  Link link = kernel.state().links.rbegin()->second;
  link.up = true;
  kernel.AddLink(link);
  EXPECT_EQ(plane.Observe("a").status(),
            absl::DataLossError("fault a: somebody else has brought up link faultd-null"));
}

TEST_F(PlaneTroubleTest, LinkWithAnotherNameIsDeletedAllTheSame) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  Link link = kernel.state().links.rbegin()->second;
  link.name = "elsewhere0";
  kernel.AddLink(link);
  EXPECT_EQ(plane.Observe("a").status(), absl::OkStatus());
  RemoveFully("a");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTroubleTest, ChangeMakesAnewALinkThatSomebodyDeleted) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  kernel.RemoveLink(kernel.state().links.rbegin()->first);
  ASSERT_TRUE(FateOf("10.0.0.1").vanishes);
  ASSERT_TRUE(plane.Set(Place("b", "11.0.0.0/8", Delay(200))).ok());
  EXPECT_EQ(DelayTo("10.0.0.1"), milliseconds(100));
  EXPECT_EQ(plane.Observe("a").status(), absl::OkStatus());
}

TEST_F(PlaneTroubleTest, FaultGoesOnOnTheInterfaceThatIsLeft) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100), {"eth0", "eth1"})).ok());
  kernel.RemoveInterface("eth0");
  EXPECT_EQ(plane.Observe("a").status(), absl::OkStatus());
  ASSERT_TRUE(plane.Set(Place("b", "11.0.0.0/8", Delay(100), {"eth1"})).ok());
  EXPECT_EQ(plane.Observe("a").status(), absl::OkStatus());
}

TEST_F(PlaneTroubleTest, FaultWithoutAnInterfaceIsRefused) {
  kernel.RemoveInterface("eth0");
  before = kernel.state();
  const Status status = plane.Set(Place("a", "10.0.0.0/8", Delay(100)));
  EXPECT_EQ(status.message(), "eth0 is gone; name an interface that is there");
  EXPECT_EQ(DetailsOf(status).precondition_type, "INTERFACE");
  EXPECT_FALSE(plane.active("a"));
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTroubleTest, RulesThatSomebodyRemovedAreNoticed) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  kernel.Crash();  // drops the table
  EXPECT_EQ(plane.Observe("a").status(),
            absl::DataLossError("the rules of fault a are gone from the kernel"));
}

TEST_F(PlaneTroubleTest, UnknownFaultIsNotFound) {
  EXPECT_EQ(plane.Observe("x").status(), absl::NotFoundError("network fault x is not active"));
  EXPECT_EQ(plane.Describe("x").status(), absl::NotFoundError("network fault x is not active"));
}

TEST_F(PlaneTroubleTest, LeftoversAreFoundAndSwept) {
  const Link other{.index = 70, .name = "ifb0", .kind = "ifb"};
  const Link lookalike{.index = 71, .name = "faultd-tun", .kind = "tun"};
  kernel.AddLink(other);
  kernel.AddLink(lookalike);
  before = kernel.state();
  kernel.AddLink({.index = 72, .name = "faultd3", .kind = "ifb", .group = kLinkGroup, .up = true});
  kernel.AddLink({.index = 73, .name = "faultd4", .kind = "ifb", .alias = "faultd"});
  EXPECT_THAT(*plane.FindLeftovers(), ElementsAre("link faultd3", "link faultd4"));
  EXPECT_TRUE(*plane.Remove(""));
  EXPECT_EQ(kernel.state(), before);
  EXPECT_THAT(*plane.FindLeftovers(), IsEmpty());
}

TEST_F(PlaneTroubleTest, LeftoversAreSweptAlsoAfterACleanLook) {
  ASSERT_TRUE(*plane.Remove(""));
  kernel.AddLink({.index = 72, .name = "faultd3", .kind = "ifb", .group = kLinkGroup});
  ASSERT_TRUE(*plane.Remove(""));
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTroubleTest, ManyRecordsAreOneSweep) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  kernel.Crash();
  NetworkPlane next(kernel, clock);
  script.Reset();
  for (const char* id : {"a", "b", "c"}) EXPECT_TRUE(*next.Remove(id));
  EXPECT_EQ(script.Count("apply steering"), 1u);
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTroubleTest, ActiveAndRetiringThingsAreNoLeftovers) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  EXPECT_THAT(*plane.FindLeftovers(), IsEmpty());
  kernel.SetQueued(FateOf("10.0.0.1").link_index, 1);
  ASSERT_FALSE(*plane.Remove("a"));
  EXPECT_THAT(*plane.FindLeftovers(), IsEmpty());
}

TEST_F(PlaneTroubleTest, NewProcessSweepsWhatTheOldOneLeft) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  kernel.Crash();
  NetworkPlane next(kernel, clock);
  EXPECT_THAT(*next.FindLeftovers(), ElementsAre("link faultd0"));
  EXPECT_TRUE(*next.Remove("a"));
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTroubleTest, ProtectedPacketsPass) {
  ASSERT_TRUE(plane.SetProtected(BuildProtection({})).ok());
  ASSERT_TRUE(plane.Set(Place("a", "0.0.0.0/0", Blackhole())).ok());
  EXPECT_TRUE(FateOf("10.0.0.1").vanishes);
  EXPECT_EQ(FateOf("169.254.169.254"), FakeKernel::Fate());
  EXPECT_EQ(FateOf("169.254.170.2"), FakeKernel::Fate());
}

TEST_F(PlaneTroubleTest, ProtectionOfANewConnectionIsInForceAtOnce) {
  ASSERT_TRUE(plane.Set(Place("a", "0.0.0.0/0", Blackhole())).ok());
  script.Reset();
  ASSERT_TRUE(plane.SetProtected({To("10.0.0.1/32")}).ok());
  EXPECT_EQ(FateOf("10.0.0.1"), FakeKernel::Fate());
  EXPECT_EQ(script.Count("create link"), 0u);
  ASSERT_TRUE(plane.SetProtected({}).ok());
  EXPECT_TRUE(FateOf("10.0.0.1").vanishes);
}

TEST_F(PlaneTroubleTest, ProtectionThatFailsIsNotRemembered) {
  ASSERT_TRUE(plane.Set(Place("a", "0.0.0.0/0", Blackhole())).ok());
  script.FailAll("apply steering");
  EXPECT_EQ(plane.SetProtected({To("10.0.0.1/32")}).message(),
            "protect connections: apply steering with 1 chain: Input/output error; restore the "
            "rules before: apply steering with 1 chain: Input/output error");
  EXPECT_THAT(plane.protect(), IsEmpty());
  script.Reset();
  ASSERT_TRUE(plane.SetProtected({To("10.0.0.1/32")}).ok());
  EXPECT_EQ(FateOf("10.0.0.1"), FakeKernel::Fate());
}

TEST_F(FlowerPlaneTest, BlackholeIsNetemThatLosesAll) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Blackhole())).ok());
  const FakeKernel::Fate fate = FateOf("10.0.0.1");
  EXPECT_TRUE(fate.vanishes);
  EXPECT_TRUE(kernel.state().links.at(fate.link_index).up);
  EXPECT_EQ(kernel.FindNetem(fate.link_index)->loss, 1);
}

TEST_F(FlowerPlaneTest, HookComesAndGoesWithTheFault) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  EXPECT_THAT(kernel.state().hooks, ElementsAre("eth0"));
  RemoveFully("a");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(FlowerPlaneTest, HookThatWasThereBeforeStays) {
  kernel.AddHook("eth0");
  before = kernel.state();
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100), {"eth0", "eth1"})).ok());
  RemoveFully("a");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(FlowerPlaneTest, NewProcessRemovesTheHookWhenItIsTold) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  kernel.Crash();
  NetworkPlane next(kernel, clock);
  EXPECT_THAT(*next.FindLeftovers(), ElementsAre("link faultd0", "flower filters on eth0 egress"));
  next.AdoptHooks({{"eth0", 0}});
  EXPECT_TRUE(*next.Remove("a"));
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(FlowerPlaneTest, ShareOfFlowsIsRefused) {
  PlacedFault placed = Place("a", "10.0.0.0/8", Delay(100));
  placed.fault.traffic.match[0].flows_percent = 50;
  EXPECT_EQ(plane.Set(placed), absl::FailedPreconditionError("flows_percent needs nftables"));
  RemoveFully("a");
  EXPECT_EQ(kernel.state(), before);
}

// Flower has no transactions: an error takes all rules, which must come back for the others.
TEST_F(FlowerPlaneTest, FailedFaultLeavesTheOthersInForce) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  const KernelState with_a = kernel.state();
  script.FailAt(script.calls() + 5, Failure::kBefore);
  EXPECT_FALSE(plane.Set(Place("b", "11.0.0.0/8", Delay(20))).ok());
  EXPECT_EQ(script.log().at(script.calls() - 4), "apply steering with 1 chain");
  EXPECT_EQ(DelayTo("10.0.0.1"), milliseconds(100));
  RemoveFully("b");
  EXPECT_EQ(kernel.state(), with_a);
}

}  // namespace
}  // namespace faultd

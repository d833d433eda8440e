// What a network fault says that it would do, and what it needs of the host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "faults/net/protect.h"
#include "support/sample_specs.h"
#include "support/test_host.h"

namespace faultd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

StatusOr<FaultPlan> Plan(TestHost& host, const std::string& text, const ResolvedNames& names = {}) {
  const v1::FaultSpec spec = SpecFromText(text);
  return PlanOf(spec, names, host.host());
}

TEST(PlanTest, SaysWhatWouldChange) {
  TestHost host;
  auto plan = Plan(host, R"(latency { target { to { host: "10.0.0.0/8" ports { first: 5432 }
                                                    protocol: PROTOCOL_TCP } }
                                      delay { nanos: 100000000 } jitter { nanos: 10000000 } })");
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->summary, "latency 100ms ±10ms to 10.0.0.0/8:5432/tcp, egress of eth0");
  EXPECT_THAT(plan->changes, ElementsAre("steer 10.0.0.0/8:5432/tcp (egress) on eth0 with nftables",
                                         "add an ifb link with netem: latency 100ms ±10ms"));
  EXPECT_THAT(plan->warnings, IsEmpty());
  EXPECT_EQ(plan->undo.latency().steering(), "nftables");
  EXPECT_THAT(plan->undo.latency().interfaces(), ElementsAre("eth0"));
}

TEST(PlanTest, FlowerAddsItsHooksToTheRecord) {
  TestHost host(SteeringKind::kFlower);
  host.kernel.AddHook("eth1");
  auto plan = Plan(host, R"(blackhole { target { all_traffic: true direction: DIRECTION_BOTH
                                                 interfaces: "eth1" interfaces: "eth0" } })");
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->summary, "blackhole to all traffic, both directions of eth0, eth1");
  EXPECT_THAT(plan->changes,
              ElementsAre("steer all traffic (both directions) on eth0 with flower",
                          "steer all traffic (both directions) on eth1 with flower",
                          "add a clsact qdisc to eth0", "add an ifb link that swallows packets"));
  EXPECT_THAT(plan->undo.blackhole().clsact_interfaces(), ElementsAre("eth0"));
}

TEST(PlanTest, NamesGoIntoTheRecordWithTheirAddresses) {
  TestHost host;
  const ResolvedNames names = {
      {"db.example", {*IpPrefix::Parse("10.0.0.1"), *IpPrefix::Parse("::1")}}};
  auto plan = Plan(host, R"(loss { target { to { host: "db.example" } direction: DIRECTION_INGRESS }
                                   percent: 7.5 })",
                   names);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->summary, "loss 7.5% to db.example, ingress of eth0");
  EXPECT_EQ(plan->changes.back(), "treat db.example as 10.0.0.1, ::1, and look it up again");
  ASSERT_EQ(plan->undo.loss().names_size(), 1);
  EXPECT_THAT(plan->undo.loss().names(0).addresses(), ElementsAre("10.0.0.1", "::1"));
}

TEST(PlanTest, BurstsInWords) {
  TestHost host;
  auto plan = Plan(host, R"(loss { target { all_traffic: true } gilbert_elliott {
                                   good_to_bad_percent: 1 bad_to_good_percent: 30 } })");
  EXPECT_EQ(plan->summary,
            "burst loss (1% into, 30% out of the bad state) to all traffic, egress of eth0");
}

TEST(PlanTest, UnknownInterfaceIsAPrecondition) {
  TestHost host;
  const Status status =
      Plan(host, R"(blackhole { target { all_traffic: true interfaces: "eth7" } })").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "there is no interface eth7; `ip link` lists them");
  EXPECT_EQ(DetailsOf(status).precondition_type, "INTERFACE");
  EXPECT_EQ(DetailsOf(status).precondition_subject, "eth7");
}

TEST(PlanTest, LinkOfOursIsNoInterface) {
  TestHost host;
  ASSERT_TRUE(host.kernel.links().CreateIfb("faultd0", true).ok());
  EXPECT_EQ(Plan(host, R"(blackhole { target { all_traffic: true interfaces: "faultd0" } })")
                .status()
                .message(),
            "faultd0 is a link of faultd itself; name another one");
}

TEST(PlanTest, NoDefaultRouteIsAPrecondition) {
  TestHost host;
  host.kernel.RemoveInterface("eth0");
  const Status status = Plan(host, "blackhole { target { all_traffic: true } }").status();
  EXPECT_EQ(status.message(),
            "this host has no default route, so there is no interface to take; name one in "
            "`interfaces`");
  EXPECT_EQ(DetailsOf(status).precondition_type, "INTERFACE");
}

TEST(PlanTest, NothingLeftToHitIsAFieldError) {
  TestHost host;
  const Status status = Plan(host, R"(blackhole { target { to { host: "10.0.0.1" }
                                                           except { host: "10.0.0.0/8" } } })")
                            .status();
  EXPECT_EQ(status.message(),
            "spec.blackhole.target.except: leaves nothing of the target; there would be no packet "
            "to hit");
  EXPECT_EQ(DetailsOf(status).field, "spec.blackhole.target.except");
}

TEST(PlanTest, ProtectedTargetIsDenied) {
  TestHost host;
  ASSERT_TRUE(host.network().SetProtected(BuildProtection({})).ok());
  const Status status =
      Plan(host, R"(blackhole { target { to { host: "169.254.169.254" } } })").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(status.message(),
            "169.254.169.254 is never cut off (rule protect: instance metadata, the resolver, the "
            "orchestrator's and AWS control endpoints, and [protect] in the configuration)");
  EXPECT_EQ(DetailsOf(status).rule, "protect");
}

TEST(PlanTest, PartlyProtectedTargetIsAWarning) {
  TestHost host;
  ASSERT_TRUE(host.network().SetProtected(BuildProtection({})).ok());
  auto plan = Plan(host, "blackhole { target { all_traffic: true } }");
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->warnings, ElementsAre("part of the target is never cut off and will pass "
                                          "untouched (rule protect)"));
  EXPECT_THAT(
      Plan(host, R"(blackhole { target { to { host: "10.0.0.0/8" ports { first: 5432 } } } })")
          ->warnings,
      IsEmpty());
}

TEST(PlanTest, ZoneWithAProtectedEndpointIsPartlyProtected) {
  TestHost host;
  const ProtectedEndpoints endpoints = {.control_endpoints = {*IpAddress::Parse("10.0.16.9")}};
  ASSERT_TRUE(host.network().SetProtected(BuildProtection(endpoints)).ok());
  constexpr char kSpec[] = R"(blackhole { target { to { host: "us-east-1a" } } })";
  auto plan = Plan(host, kSpec, {{"us-east-1a", {*IpPrefix::Parse("10.0.16.0/20")}}});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->warnings.size(), 1u);
  EXPECT_EQ(plan->changes.back(), "treat us-east-1a as 10.0.16.0/20, and look it up again");
  plan = Plan(host, kSpec, {{"us-east-1a", {*IpPrefix::Parse("10.0.32.0/20")}}});
  EXPECT_THAT(plan->warnings, IsEmpty());
}

TEST(CapabilityTest, NftablesHasAll) {
  TestHost host;
  for (const FaultKind* kind : FaultKinds()) {
    EXPECT_EQ(kind->capability(host.host()).state, CapabilityState::kAvailable) << kind->name;
  }
}

TEST(CapabilityTest, WithoutNetemLossIsLimitedAndLatencyUnavailable) {
  TestHost host;
  host.kernel.RemoveNetem();
  const auto capability = [&](const char* kind) {
    return KindOf(*SampleSpec(kind))->capability(host.host());
  };
  EXPECT_EQ(capability("blackhole").state, CapabilityState::kAvailable);
  EXPECT_EQ(capability("loss").state, CapabilityState::kLimited);
  EXPECT_EQ(
      capability("loss").reason,
      "uniform loss only, chosen by nftables, without correlation and gilbert_elliott: kernel "
      "module sch_netem is missing: install some-package");
  EXPECT_EQ(capability("loss").remedy,
            "for the rest do what the reason says; no restart is needed");
  EXPECT_EQ(capability("latency").state, CapabilityState::kUnavailable);
  EXPECT_EQ(capability("latency").reason,
            "kernel module sch_netem is missing: install some-package");
}

TEST(CapabilityTest, FlowerIsLimited) {
  TestHost host(SteeringKind::kFlower);
  EXPECT_EQ(KindOf(*SampleSpec("latency"))->capability(host.host()).state,
            CapabilityState::kLimited);
  host.kernel.RemoveNetem();
  EXPECT_EQ(KindOf(*SampleSpec("blackhole"))->capability(host.host()).state,
            CapabilityState::kUnavailable)
      << "its blackhole is a netem";
}

TEST(CapabilityTest, WithoutIfbThereIsNothing) {
  TestHost host;
  NetworkFeatures features;
  features.ifb = absl::FailedPreconditionError("no ifb");
  host.kernel.SetFeatures(features, features);
  for (const char* kind : {"latency", "loss", "blackhole"}) {
    const Capability capability = KindOf(*SampleSpec(kind))->capability(host.host());
    EXPECT_EQ(capability.state, CapabilityState::kUnavailable);
    EXPECT_EQ(capability.reason, "no ifb");
  }
}

}  // namespace
}  // namespace faultd

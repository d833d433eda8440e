// What every fault that is listed promises, tried at every call it makes: whatever fails, revert
// puts the host back; whenever the process dies, recovery does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/strings.h"
#include "engine/recovery.h"
#include "support/sample_specs.h"
#include "support/test_host.h"

namespace faultd {
namespace {

using Failure = FakeScript::Failure;

struct Case {
  const FaultKind* kind;
  SteeringKind steering;
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const FaultKind* kind : FaultKinds()) {
    cases.push_back({kind, SteeringKind::kNftables});
    cases.push_back({kind, SteeringKind::kFlower});
  }
  return cases;
}

std::string NameOf(const testing::TestParamInfo<Case>& info) {
  return StrCat(info.param.kind->name,
                info.param.steering == SteeringKind::kNftables ? "Nftables" : "Flower");
}

class ContractTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    auto spec = SampleSpec(kind().name);
    ASSERT_TRUE(spec) << "fault " << kind().name << " has no line in tests/support/sample_specs.cc";
    spec_ = *std::move(spec);
    ASSERT_EQ(kind().validate(spec_), absl::OkStatus());
  }

  const FaultKind& kind() const { return *GetParam().kind; }
  std::unique_ptr<TestHost> MakeHost() const {
    return std::make_unique<TestHost>(GetParam().steering);
  }

  v1::Undo Plan(TestHost& host) const {
    auto plan = PlanOf(spec_, {}, host.host());
    EXPECT_EQ(plan.status(), absl::OkStatus());
    EXPECT_FALSE(plan->summary.empty());
    return plan->undo;
  }

  // Until it is seen, as the engine does.
  StatusOr<std::string> InjectFully(TestHost& host, const v1::Undo& undo) const {
    for (int i = 0; i < 100; ++i) {
      auto seen = kind().inject("it", spec_, undo, host.host());
      if (!seen.ok()) return seen.status();
      if (*seen) return **seen;
      host.clock.Advance(std::chrono::milliseconds(2));
    }
    return absl::DeadlineExceededError("inject never says that it is seen");
  }

  // Until it is seen gone, as the engine does.
  Status RevertFully(TestHost& host, const v1::Undo& undo) const {
    for (int i = 0; i < 100; ++i) {
      auto gone = kind().revert("it", undo, host.host());
      if (!gone.ok()) return gone.status();
      if (*gone) return absl::OkStatus();
      host.clock.Advance(std::chrono::milliseconds(20));
    }
    return absl::DeadlineExceededError("revert never says that it is done");
  }

  v1::FaultSpec spec_;
};

INSTANTIATE_TEST_SUITE_P(Faults, ContractTest, testing::ValuesIn(AllCases()), NameOf);

TEST_P(ContractTest, PlanAndRevertNameTheSameKind) {
  auto host = MakeHost();
  const HostSnapshot before = host->Snapshot();
  const v1::Undo undo = Plan(*host);
  EXPECT_EQ(KindOf(spec_), &kind());
  EXPECT_EQ(KindOf(undo), &kind());
  EXPECT_EQ(host->Snapshot(), before) << "plan changed something";
}

TEST_P(ContractTest, InjectedItIsSeenAndReverted) {
  auto host = MakeHost();
  const HostSnapshot before = host->Snapshot();
  const v1::Undo undo = Plan(*host);
  const auto seen = InjectFully(*host, undo);
  ASSERT_EQ(seen.status(), absl::OkStatus());
  EXPECT_FALSE(seen->empty());
  EXPECT_EQ(kind().observe("it", host->host()).status(), absl::OkStatus());
  EXPECT_EQ(RevertFully(*host, undo), absl::OkStatus());
  EXPECT_EQ(host->Snapshot(), before);
}

TEST_P(ContractTest, RevertMayBeRepeated) {
  auto host = MakeHost();
  const HostSnapshot before = host->Snapshot();
  const v1::Undo undo = Plan(*host);
  ASSERT_TRUE(InjectFully(*host, undo).ok());
  EXPECT_EQ(RevertFully(*host, undo), absl::OkStatus());
  EXPECT_EQ(RevertFully(*host, undo), absl::OkStatus());
  EXPECT_EQ(host->Snapshot(), before);
}

TEST_P(ContractTest, RevertNeedsNoInject) {
  auto host = MakeHost();
  const HostSnapshot before = host->Snapshot();
  EXPECT_EQ(RevertFully(*host, Plan(*host)), absl::OkStatus());
  EXPECT_EQ(host->Snapshot(), before);
}

TEST_P(ContractTest, InjectMayBeRepeated) {
  auto host = MakeHost();
  const HostSnapshot before = host->Snapshot();
  const v1::Undo undo = Plan(*host);
  ASSERT_TRUE(InjectFully(*host, undo).ok());
  const KernelState once = host->kernel.state();
  ASSERT_TRUE(InjectFully(*host, undo).ok());
  EXPECT_EQ(host->kernel.state(), once);
  EXPECT_EQ(RevertFully(*host, undo), absl::OkStatus());
  EXPECT_EQ(host->Snapshot(), before);
}

// One call or two in a row fail, without or with having had their effect.
TEST_P(ContractTest, WhateverFailsInInjectRevertPutsTheHostBack) {
  for (const Failure failure : {Failure::kBefore, Failure::kAfter}) {
    for (size_t count = 1; count <= 3; ++count) {
      for (size_t call = 1;; ++call) {
        auto host = MakeHost();
        const HostSnapshot before = host->Snapshot();
        const v1::Undo undo = Plan(*host);
        host->script.Reset();
        host->script.FailAt(call, failure, count);
        const bool injected = InjectFully(*host, undo).ok();
        const bool all_tried = host->script.calls() < call;
        host->script.Reset();
        ASSERT_EQ(RevertFully(*host, undo), absl::OkStatus());
        host->kernel.FinishBackground();
        ASSERT_EQ(host->Snapshot(), before)
            << count << " calls from number " << call << " failed in inject";
        if (all_tried) {
          EXPECT_TRUE(injected);
          break;
        }
      }
    }
  }
}

TEST_P(ContractTest, WhateverFailsInRevertTheNextRevertPutsTheHostBack) {
  for (const Failure failure : {Failure::kBefore, Failure::kAfter}) {
    for (size_t count = 1; count <= 3; ++count) {
      for (size_t call = 1;; ++call) {
        auto host = MakeHost();
        const HostSnapshot before = host->Snapshot();
        const v1::Undo undo = Plan(*host);
        ASSERT_TRUE(InjectFully(*host, undo).ok());
        host->script.Reset();
        host->script.FailAt(call, failure, count);
        (void)RevertFully(*host, undo);
        const bool all_tried = host->script.calls() < call;
        host->script.Reset();
        ASSERT_EQ(RevertFully(*host, undo), absl::OkStatus());
        ASSERT_EQ(host->Snapshot(), before)
            << count << " calls from number " << call << " failed in revert";
        if (all_tried) break;
      }
    }
  }
}

// How the faults that are not reverted by themselves end.
enum class End { kLease, kAllAtOnce };

// What a daemon does with faults from their injection to their end.
void LiveThrough(TestHost& host, const std::vector<v1::FaultSpec>& specs, End end) {
  std::vector<std::string> ids;
  for (const v1::FaultSpec& spec : specs) {
    ids.push_back(StrCat("fault-", ids.size()));
    host.engine().Inject(RequestFor(ids.back(), spec), {.actor = "test"},
                         [](StatusOr<v1::Fault>) {});
    host.loop.RunFor(std::chrono::seconds(6));
  }
  for (const std::string& id : ids) {
    v1::RenewLeaseRequest renewal;
    renewal.set_id(id);
    renewal.mutable_duration()->set_seconds(30);
    host.engine().Renew(renewal, [](StatusOr<v1::Fault>) {});
  }
  host.loop.RunFor(std::chrono::seconds(1));
  if (end == End::kAllAtOnce) {
    host.engine().RevertAll(v1::END_REASON_REQUESTED, [](const std::vector<v1::Fault>&) {});
  } else {
    host.engine().Revert(ids.front(), v1::END_REASON_REQUESTED, [](StatusOr<v1::Fault>) {});
  }
  host.loop.RunFor(std::chrono::minutes(1));
}

using Dying = std::function<void(TestHost&)>;
void Die(TestHost& host) { host.Restart(); }
void LosePower(TestHost& host) { host.RestartAfterPowerLoss(); }

// Lets the process die at every call of the faults' life, and then at every call of the recovery.
void CrashEverywhere(SteeringKind steering, const std::vector<v1::FaultSpec>& specs, End end,
                     const Dying& die) {
  for (size_t call = 1;; ++call) {
    bool crashed = false;
    for (size_t second = 1; second == 1 || crashed; ++second) {
      TestHost host(steering);
      const HostSnapshot before = host.Snapshot();
      host.script.CrashAt(call);
      bool died = false;
      try {
        LiveThrough(host, specs, end);
      } catch (const CrashNow&) {
        died = true;
        const std::string at = host.script.log().back();
        SCOPED_TRACE(StrCat("died at call ", call, ": ", at));
        die(host);
        crashed = false;
        host.script.CrashAt(second);
        try {
          (void)host.RunRecovery();
        } catch (const CrashNow&) {
          crashed = true;
        }
        SCOPED_TRACE(StrCat("and again at call ", second, " of the recovery"));
        host.Restart();
        ASSERT_EQ(host.RunRecovery().status(), absl::OkStatus());
        ASSERT_EQ(host.Snapshot(), before);
      }
      if (!died) {
        ASSERT_EQ(host.Snapshot(), before) << "after a life without a crash";
        ASSERT_EQ(host.loop.timers(), 0u);
        return;
      }
    }
  }
}

TEST_P(ContractTest, CrashAnywhereThenRecover) {
  CrashEverywhere(GetParam().steering, {spec_}, End::kLease, Die);
}

TEST_P(ContractTest, LosePowerAnywhereThenRecover) {
  CrashEverywhere(GetParam().steering, {spec_}, End::kLease, LosePower);
}

TEST_P(ContractTest, TwoOverlappingFaultsCrashAnywhereThenRecover) {
  const v1::FaultSpec other = SpecFromText(
      R"(latency { target { all_traffic: true interfaces: "eth0" } delay { nanos: 50000000 } })");
  for (End end : {End::kLease, End::kAllAtOnce}) {
    CrashEverywhere(GetParam().steering, {spec_, other}, end, Die);
  }
}

// Every call of a whole life fails once, with or without having had its effect: in the end, all is
// as before and nothing is left over, without a restart.
TEST_P(ContractTest, WhateverFailsInALifeEverythingIsOverInTheEnd) {
  const v1::FaultSpec other = SpecFromText(
      R"(loss { target { to { host: "10.0.0.0/7" } direction: DIRECTION_BOTH } percent: 50 })");
  for (const End end : {End::kLease, End::kAllAtOnce}) {
    for (const Failure failure : {Failure::kBefore, Failure::kAfter}) {
      for (size_t count = 1; count <= 3; ++count) {
        for (size_t call = 1;; ++call) {
          TestHost host(GetParam().steering);
          const HostSnapshot before = host.Snapshot();
          host.script.FailAt(call, failure, count);
          LiveThrough(host, {spec_, other}, end);
          ASSERT_EQ(host.engine().active_count(), 0u);
          const bool all_tried = host.script.calls() < call;
          const std::string at = all_tried ? "the end" : host.script.log()[call - 1];
          host.kernel.FinishBackground();
          ASSERT_EQ(host.Snapshot(), before)
              << count << " calls from number " << call << " (" << at << ") failed";
          ASSERT_EQ(host.loop.timers(), 0u);
          if (all_tried) break;
        }
      }
    }
  }
}

// A failing recovery keeps what it needs to be done again.
TEST_P(ContractTest, WhateverFailsInRecoveryTheNextOneDoesIt) {
  for (const Failure failure : {Failure::kBefore, Failure::kAfter}) {
    for (size_t call = 1;; ++call) {
      TestHost host(GetParam().steering);
      const HostSnapshot before = host.Snapshot();
      host.engine().Inject(RequestFor("it", spec_), {.actor = "test"}, [](StatusOr<v1::Fault>) {});
      host.Restart();
      host.script.SetError(ENOMEM);
      host.script.FailAt(call, failure);
      (void)host.RunRecovery();
      const bool all_tried = host.script.calls() < call;
      host.Restart();
      ASSERT_EQ(host.RunRecovery().status(), absl::OkStatus());
      ASSERT_EQ(host.Snapshot(), before) << "call " << call << " of the recovery failed";
      if (all_tried) break;
    }
  }
}

}  // namespace
}  // namespace faultd

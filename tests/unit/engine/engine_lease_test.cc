// Leases, renewals and holders: when a fault ends.
#include "base/strings.h"
#include "engine/engine.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

class EngineLeaseTest : public EngineFixture {};

TEST_F(EngineLeaseTest, LeaseEndsToTheNanosecond) {
  Inject("a", kLatency);
  const BootTime deadline = host.clock.Now() + seconds(60);
  host.loop.RunUntil(deadline - nanoseconds(1));
  EXPECT_TRUE(IsHit("10.0.0.1"));
  EXPECT_EQ(engine().List(false).at(0).lease().remaining().nanos(), 1);
  host.loop.RunUntil(deadline);
  EXPECT_FALSE(IsHit("10.0.0.1"));
}

// One by one, the last of many ended late.
TEST_F(EngineLeaseTest, LeasesThatEndTogetherEndInOneTransaction) {
  for (const char* id : {"a", "b", "c"}) Inject(id, kLatency);
  Inject("d", R"(blackhole { target { to { host: "192.0.2.0/24" } } })");
  Inject("e", kNoop);
  ASSERT_TRUE(Renew("d", seconds(61)).ok());
  host.script.Reset();
  host.loop.RunFor(seconds(60));
  EXPECT_FALSE(IsHit("10.0.0.1"));
  EXPECT_EQ(host.script.Count("apply steering"), 1u);
  EXPECT_TRUE(IsHit("192.0.2.1"));
  host.loop.RunFor(seconds(2));
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    EXPECT_EQ(engine().Get(id)->end_reason(), v1::END_REASON_LEASE_ENDED);
    EXPECT_EQ(StateOf(id), v1::FAULT_STATE_REVERTED);
  }
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineLeaseTest, LeasesThatCannotEndTogetherEndOneByOne) {
  for (const char* id : {"a", "b"}) Inject(id, kLatency);
  host.script.Reset();
  host.script.FailAt(3, FakeScript::Failure::kBefore, 2);
  host.loop.RunFor(seconds(60));
  EXPECT_FALSE(IsHit("10.0.0.1"));
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(StateOf("b"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineLeaseTest, StepsOfTheWallClockMoveNothing) {
  for (const auto step : {hours(24 * 365 * 20), -hours(24 * 365 * 40)}) {
    Inject(StrCat("a", step.count()), kLatency);
    const BootTime deadline = host.clock.Now() + seconds(60);
    host.clock.StepWallClock(step);
    EXPECT_EQ(engine().List(false).at(0).lease().remaining().seconds(), 60);
    host.loop.RunUntil(deadline - nanoseconds(1));
    EXPECT_TRUE(IsHit("10.0.0.1"));
    host.loop.RunUntil(deadline);
    EXPECT_FALSE(IsHit("10.0.0.1"));
    host.loop.RunFor(seconds(1));
  }
}

TEST_F(EngineLeaseTest, LeaseBeginsWhenTheFaultDoes) {
  host.resolver.Set("db.example", {"10.0.0.1"});
  host.resolver.HoldAnswers();
  Inject("a", R"(blackhole { target { to { host: "db.example" } } })");
  host.loop.RunFor(seconds(45));
  host.resolver.LetGo();
  host.loop.RunReady();
  EXPECT_EQ(engine().Get("a")->lease().remaining().seconds(), 60);
  EXPECT_EQ(RecordOf("a")->deadline_boottime_ns(), (host.clock.Now() + seconds(60)).count());
}

TEST_F(EngineLeaseTest, RenewalExtends) {
  Inject("a", kLatency);
  host.loop.RunFor(seconds(50));
  auto fault = Renew("a", seconds(120));
  ASSERT_TRUE(fault.ok());
  EXPECT_EQ(fault->lease().remaining().seconds(), 120);
  EXPECT_EQ(fault->lease().duration().seconds(), 120);
  const BootTime deadline = host.clock.Now() + seconds(120);
  EXPECT_EQ(RecordOf("a")->deadline_boottime_ns(), deadline.count());
  host.loop.RunUntil(deadline - nanoseconds(1));
  EXPECT_TRUE(IsHit("10.0.0.1"));
  host.loop.RunUntil(deadline);
  EXPECT_FALSE(IsHit("10.0.0.1"));
}

TEST_F(EngineLeaseTest, RenewalShortens) {
  Inject("a", kLatency);
  ASSERT_TRUE(Renew("a", seconds(5)).ok());
  host.loop.RunFor(seconds(5));
  EXPECT_FALSE(IsHit("10.0.0.1"));
}

TEST_F(EngineLeaseTest, RenewalIsWrittenBeforeItCounts) {
  Inject("a", kLatency);
  for (const char* call : {"write file", "sync file"}) {
    SCOPED_TRACE(call);
    host.script.Reset();
    host.script.FailAt(std::string(call) == "sync file" ? 2 : 1);
    EXPECT_EQ(Renew("a", seconds(600)).status().message(),
              StrCat("write undo record of a: ", call, " a.record: Input/output error"));
    EXPECT_EQ(engine().Get("a")->lease().remaining().seconds(), 60);
    EXPECT_EQ(engine().Get("a")->lease().duration().seconds(), 60);
    EXPECT_EQ(RecordOf("a")->deadline_boottime_ns(), (host.clock.Now() + seconds(60)).count());
  }
  host.loop.RunFor(seconds(60));
  EXPECT_FALSE(IsHit("10.0.0.1"));
}

TEST_F(EngineLeaseTest, NotRenewableIsNotRenewed) {
  v1::InjectFaultRequest request = RequestFor("a", kNoop);
  request.set_not_renewable(true);
  Inject(request);
  EXPECT_FALSE(engine().Get("a")->lease().renewable());
  const Status status = Renew("a", seconds(5)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "fault a was injected as not renewable");
  EXPECT_EQ(DetailsOf(status).precondition_type, "LEASE");
}

TEST_F(EngineLeaseTest, OnlyActiveFaultsAreRenewed) {
  Inject("a", kNoop);
  Revert("a");
  EXPECT_EQ(Renew("a", seconds(5)).status(),
            absl::AbortedError("fault a is FAULT_STATE_REVERTED; only an active fault can be "
                               "renewed"));
}

TEST_F(EngineLeaseTest, RenewalHasTheBoundsOfALease) {
  Inject("a", kNoop);
  EXPECT_EQ(Renew("a", seconds(0)).status().message(),
            "duration: 0s is out of range; write 100ms to 7d");
  EXPECT_EQ(Renew("a", hours(24 * 8)).status().message(),
            "duration: 8d is out of range; write 100ms to 7d");
  v1::RenewLeaseRequest request;
  request.set_id("a");
  EXPECT_EQ((*Renew(request))->status().message(),
            "duration: is missing: every fault has a lease; write 100ms to 7d");
}

TEST_F(EngineLeaseTest, RenewalIsTold) {
  Inject("a", kNoop);
  int64_t told = 0;
  engine().Watch([&](const v1::Fault& fault) { told = fault.lease().remaining().seconds(); });
  ASSERT_TRUE(Renew("a", seconds(17)).ok());
  EXPECT_EQ(told, 17);
}

TEST_F(EngineLeaseTest, HeldFaultEndsWithItsHolder) {
  Inject("a", kLatency);
  ASSERT_EQ(engine().Hold("a", "uid=7"), absl::OkStatus());
  EXPECT_EQ(engine().Get("a")->lease().held_by(), "uid=7");
  engine().Release("a", seconds(0));
  EXPECT_FALSE(IsHit("10.0.0.1"));
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(engine().Get("a")->end_reason(), v1::END_REASON_HOLDER_GONE);
}

TEST_F(EngineLeaseTest, HolderMayComeBackWithinTheGrace) {
  Inject("a", kLatency);
  ASSERT_TRUE(engine().Hold("a", "uid=7").ok());
  engine().Release("a", seconds(5));
  EXPECT_EQ(engine().Get("a")->lease().held_by(), "");
  host.loop.RunFor(milliseconds(4999));
  ASSERT_EQ(engine().Hold("a", "uid=8"), absl::OkStatus());
  host.loop.RunFor(seconds(30));
  EXPECT_TRUE(IsHit("10.0.0.1"));
  engine().Release("a", seconds(5));
  host.loop.RunFor(seconds(5) - nanoseconds(1));
  EXPECT_TRUE(IsHit("10.0.0.1"));
  host.loop.RunFor(nanoseconds(1));
  EXPECT_FALSE(IsHit("10.0.0.1"));
}

TEST_F(EngineLeaseTest, HeldFaultStillEndsWithItsLease) {
  Inject("a", kLatency);
  ASSERT_TRUE(engine().Hold("a", "uid=7").ok());
  host.loop.RunFor(seconds(60));
  EXPECT_FALSE(IsHit("10.0.0.1"));
  engine().Release("a", seconds(5));
  host.loop.RunFor(seconds(10));
  EXPECT_EQ(engine().Get("a")->end_reason(), v1::END_REASON_LEASE_ENDED);
  EXPECT_EQ(host.loop.timers(), 0u);
}

TEST_F(EngineLeaseTest, OneHolderAtATime) {
  Inject("a", kNoop);
  ASSERT_TRUE(engine().Hold("a", "uid=7").ok());
  const Status status = engine().Hold("a", "uid=8");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "fault a is held by uid=7");
  EXPECT_EQ(DetailsOf(status).precondition_type, "HOLD");
}

TEST_F(EngineLeaseTest, FaultThatIsOverCannotBeHeld) {
  Inject("a", kNoop);
  Revert("a");
  EXPECT_EQ(engine().Hold("a", "uid=7"), absl::AbortedError("fault a is over or being reverted"));
}

TEST_F(EngineLeaseTest, ReleaseWithoutAHolderDoesNothing) {
  Inject("a", kNoop);
  engine().Release("a", seconds(0));
  engine().Release("x", seconds(0));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_ACTIVE);
}

TEST_F(EngineLeaseTest, HolderOfAPendingFaultMayGo) {
  host.resolver.Set("db.example", {"10.0.0.1"});
  auto answer = Inject("a", R"(blackhole { target { to { host: "db.example" } } })");
  ASSERT_TRUE(engine().Hold("a", "uid=7").ok());
  engine().Release("a", seconds(0));
  host.loop.RunFor(minutes(2));
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->status(),
            absl::AbortedError("fault a was reverted meanwhile (END_REASON_HOLDER_GONE)"));
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ(host.script.Count("create link"), 0u);
}

// The grace of a fault that was being reverted already outlived it, and would have ended the next
// fault of that name.
TEST_F(EngineLeaseTest, ReleaseOfAFaultThatIsGoingStartsNoGrace) {
  Inject("a", kLatency);
  ASSERT_TRUE(engine().Hold("a", "uid=7").ok());
  Revert("a");
  ASSERT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTING);
  engine().Release("a", minutes(10));
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(host.loop.timers(), 0u);
}

}  // namespace
}  // namespace faultd

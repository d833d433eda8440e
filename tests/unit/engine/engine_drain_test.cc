// A fault whose revert needs the network: it takes longer, may have to wait for others, and is
// taken up again by the next process.
#include "engine/recovery.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kDrain[] = "ecs_drain {}";

class EngineDrainTest : public EngineFixture {
 protected:
  std::string Refusal() {
    const auto answer = Inject("refused", kDrain);
    host.loop.RunFor(seconds(1));
    if (!answer->has_value() || (*answer)->ok()) return "it was not refused";
    EXPECT_TRUE(absl::IsFailedPrecondition((*answer)->status())) << (*answer)->status();
    return std::string((*answer)->status().message());
  }
  std::string Status() const { return host.ecs.state.status; }
};

TEST_F(EngineDrainTest, DrainsForTheLease) {
  const auto answer = Inject("a", kDrain);
  ASSERT_TRUE(answer->has_value());
  ASSERT_TRUE((*answer)->ok()) << (*answer)->status();
  EXPECT_EQ((**answer)->summary(), "ecs_drain of 0123456789abcdef in cluster prod");
  EXPECT_EQ((**answer)->verification().detail(),
            "0123456789abcdef is DRAINING with 3 running tasks");
  EXPECT_EQ(Status(), "DRAINING");
  host.loop.RunFor(seconds(61));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineDrainTest, TellsHowManyTasksAreLeft) {
  Inject("a", kDrain);
  host.ecs.state.running_tasks = 2;
  host.loop.RunFor(seconds(10));
  v1::EcsDrainEffect effect = engine().Get("a")->effect().ecs_drain();
  EXPECT_EQ(effect.running_tasks(), 2u);
  EXPECT_EQ(effect.tasks_at_start(), 3u);
  EXPECT_FALSE(effect.drained());
  host.ecs.state.running_tasks = 1;
  host.loop.RunFor(seconds(10));
  effect = engine().Get("a")->effect().ecs_drain();
  EXPECT_EQ(effect.standalone_tasks(), 1u);
  EXPECT_TRUE(effect.drained()) << "what is left belongs to no service";
}

TEST_F(EngineDrainTest, IsNotDrainedWhileItIsNotKnownWhatTheTasksAre) {
  host.ecs.standalone_tasks = absl::PermissionDeniedError("ecs:ListTasks: no");
  Inject("a", kDrain);
  host.ecs.state.running_tasks = 1;
  host.loop.RunFor(seconds(10));
  EXPECT_FALSE(engine().Get("a")->effect().ecs_drain().has_standalone_tasks());
  EXPECT_FALSE(engine().Get("a")->effect().ecs_drain().drained());
  host.ecs.state.running_tasks = 0;
  host.loop.RunFor(seconds(10));
  EXPECT_TRUE(engine().Get("a")->effect().ecs_drain().drained());
}

TEST_F(EngineDrainTest, AsksEcsRarely) {
  Inject("a", kDrain);
  host.script.Reset();
  for (int i = 0; i < 100; ++i) {
    engine().Get("a").IgnoreError();
    host.loop.RunFor(milliseconds(100));
  }
  EXPECT_LE(host.script.Count("describe"), 2u);
}

TEST_F(EngineDrainTest, WaitsForEcsWithoutBlocking) {
  host.ecs.HoldAnswers();
  const auto answer = Inject("a", kDrain);
  host.loop.RunFor(seconds(5));
  EXPECT_FALSE(answer->has_value());
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_PENDING);
  host.ecs.LetGo();
  host.loop.RunFor(seconds(1));
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE((*answer)->ok());
}

// What was asked for could come after its own revert.
TEST_F(EngineDrainTest, RevertedUnderWayItWaitsForTheAnswerFirst) {
  host.ecs.HoldAnswers("set");
  Inject("b", kDrain);
  const auto reverted = Revert("b");
  host.loop.RunFor(seconds(3));
  EXPECT_EQ(StateOf("b"), v1::FAULT_STATE_REVERTING);
  host.ecs.LetGo();
  EXPECT_EQ(Status(), "DRAINING") << "it came late";
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(StateOf("b"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(Status(), "ACTIVE");
}

TEST_F(EngineDrainTest, WhatIsRevertedIsNotRevertedAgainAfterALossOfPower) {
  Inject("a", kDrain);
  Revert("a");
  host.loop.RunFor(seconds(1));
  ASSERT_EQ(Status(), "ACTIVE");
  host.ecs.state.status = "DRAINING";  // by somebody else
  host.RestartAfterPowerLoss();
  EXPECT_THAT(*host.RunRecovery(), IsEmpty());
  EXPECT_EQ(Status(), "DRAINING");
}

TEST_F(EngineDrainTest, EcsMayShowAChangeLater) {
  host.ecs.lag = 2;
  const auto answer = Inject("a", kDrain);
  host.loop.RunFor(seconds(3));
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE((*answer)->ok()) << (*answer)->status();
  const auto reverted = Revert("a");
  host.loop.RunFor(seconds(3));
  EXPECT_TRUE(reverted->has_value());
  EXPECT_EQ(Status(), "ACTIVE");
}

TEST_F(EngineDrainTest, RefusesAnInstanceThatIsNotActive) {
  host.ecs.state.status = "DRAINING";
  EXPECT_THAT(Refusal(), HasSubstr("is DRAINING; only one that is ACTIVE can be drained"));
  EXPECT_EQ(Status(), "DRAINING");
}

TEST_F(EngineDrainTest, RefusesASecondDrain) {
  Inject("a", kDrain);
  EXPECT_THAT(Refusal(), HasSubstr("is DRAINING"));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_ACTIVE);
}

TEST_F(EngineDrainTest, RefusesAHostThatSomebodyWantsGone) {
  host.ecs.claim = "a spot interruption notice (terminate at noon)";
  EXPECT_EQ(Refusal(),
            "somebody else wants this host gone already: a spot interruption notice (terminate at "
            "noon)");
}

TEST_F(EngineDrainTest, RefusesAHostWithoutAgent) {
  host.ecs.place = absl::NotFoundError("ECS agent at http://127.0.0.1:51678: connection refused");
  EXPECT_EQ(Refusal(),
            "this host is no ECS container instance, or its agent is not up yet: ECS agent at "
            "http://127.0.0.1:51678: connection refused");
}

TEST_F(EngineDrainTest, SaysWhichPermissionIsMissing) {
  host.ecs.describe_denied = true;
  EXPECT_EQ(Refusal(),
            "AccessDeniedException: no; allow ecs:DescribeContainerInstances on the container "
            "instances of the cluster in the role of this host "
            "(/usr/share/faultd/iam/faultd-instance-policy.json), or set assume_active = true in "
            "section [ecs] of faultd.toml to drain without knowing the status before");
}

TEST_F(EngineDrainTest, DrainsWithoutKnowingWhenToldTo) {
  host.ecs.describe_denied = true;
  host.ecs_policy.assume_active = true;
  host.Restart();
  const auto answer = Inject("a", kDrain);
  ASSERT_TRUE((*answer)->ok()) << (*answer)->status();
  EXPECT_EQ(Status(), "DRAINING");
  Revert("a");
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(Status(), "ACTIVE");
}

TEST_F(EngineDrainTest, StaysDrainingForSomebodyElse) {
  Inject("a", kDrain);
  host.ecs.claim = "its Auto Scaling group wants it to be Terminated";
  host.loop.RunFor(seconds(61));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(engine().Get("a")->end_detail(),
            "left DRAINING: somebody else wants this host gone: its Auto Scaling group wants it to "
            "be Terminated");
  EXPECT_EQ(Status(), "DRAINING");
}

TEST_F(EngineDrainTest, EndsWhenSomebodyElseSetsItActive) {
  Inject("a", kDrain);
  host.ecs.state.status = "ACTIVE";
  host.loop.RunFor(seconds(15));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_FAILED);
  EXPECT_EQ(engine().Get("a")->error().message(),
            "the container instance is ACTIVE: somebody else has changed it");
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineDrainTest, LeavesWhatSomebodyElseHasMadeOfIt) {
  Inject("a", kDrain);
  host.ecs.state.status = "DEREGISTERING";
  Revert("a");
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(Status(), "DEREGISTERING");
  EXPECT_EQ(engine().Get("a")->end_detail(),
            "left as it is: the container instance is DEREGISTERING");
}

TEST_F(EngineDrainTest, RevertIsTriedForAsLongAsItTakes) {
  Inject("a", kDrain);
  host.script.FailAll("set the container instance ACTIVE");
  host.loop.RunFor(minutes(30));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTING);
  EXPECT_THAT(engine().Get("a")->error().message(), HasSubstr("set the container instance ACTIVE"));
  EXPECT_TRUE(RecordOf("a"));
  host.script.Reset();
  host.loop.RunFor(seconds(11));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineDrainTest, RecoveryLeavesItToTheNextProcess) {
  Inject("a", kDrain);
  host.Restart();
  std::vector<std::string> lines;
  ASSERT_EQ(Recover(host.journal(), host.host(), host.boot_id,
                    [&](const std::string& line, const LogSubject&) { lines.push_back(line); }),
            absl::OkStatus());
  EXPECT_THAT(lines, ElementsAre("fault a: ecs_drain needs the network to be reverted: left to "
                                 "faultd, which does it when it runs"));
  EXPECT_TRUE(RecordOf("a"));
  host.script.FailAll("set the container instance ACTIVE");
  ASSERT_EQ(engine().TakeUpRecords(), absl::OkStatus());
  host.loop.RunFor(minutes(5));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTING);
  EXPECT_EQ(engine().Get("a")->end_reason(), v1::END_REASON_RECOVERY);
  EXPECT_EQ(engine().active_count(), 1u);
  host.script.Reset();
  host.loop.RunFor(seconds(11));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineDrainTest, AStopDoesNotWaitForEcsForEver) {
  Inject("a", kDrain);
  Inject("b", kLatency);
  host.script.FailAll("set the container instance ACTIVE");
  bool done = false;
  engine().Shutdown([&] { done = true; });
  host.loop.RunFor(seconds(10));
  EXPECT_FALSE(done);
  EXPECT_EQ(StateOf("b"), v1::FAULT_STATE_REVERTED);
  host.loop.RunFor(seconds(11));
  EXPECT_TRUE(done);
  EXPECT_TRUE(RecordOf("a"));
  host.Restart();
  ASSERT_EQ(host.RunRecovery().status(), absl::OkStatus());
  EXPECT_EQ(host.Snapshot(), before);
}

}  // namespace
}  // namespace faultd

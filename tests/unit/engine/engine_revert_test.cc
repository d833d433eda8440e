// The way back, above all when it is a hard one.
#include "base/strings.h"
#include "engine/engine.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class EngineRevertTest : public EngineFixture {};

TEST_F(EngineRevertTest, AnswersOnceItIsSeenGone) {
  Inject("a", kLatency);
  auto answer = Revert("a");
  EXPECT_FALSE(IsHit("10.0.0.1")) << "the effect ends at once";
  EXPECT_FALSE(answer->has_value());
  EXPECT_TRUE(RecordOf("a")) << "its link is still there";
  host.loop.RunFor(milliseconds(10));
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((**answer)->state(), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ((**answer)->end_reason(), v1::END_REASON_REQUESTED);
  EXPECT_EQ(host.Snapshot(), before);
}

// A disk that stalls must not make a lease end late.
TEST_F(EngineRevertTest, WaitsForNoDisk) {
  Inject("a", kLatency);
  host.script.Reset();
  auto answer = Revert("a");
  host.loop.RunFor(milliseconds(10));
  EXPECT_TRUE(answer->has_value());
  EXPECT_EQ(host.script.Count("sync file"), 0u);
  EXPECT_FALSE(RecordOf("a"));
}

TEST_F(EngineRevertTest, EveryoneWhoAskedIsAnswered) {
  Inject("a", kLatency);
  auto first = Revert("a");
  auto second = Revert("a");
  host.loop.RunFor(milliseconds(10));
  ASSERT_TRUE(first->has_value() && second->has_value());
  auto late = Revert("a");
  ASSERT_TRUE(late->has_value());
  EXPECT_EQ((**late)->state(), v1::FAULT_STATE_REVERTED);
}

TEST_F(EngineRevertTest, RevertWhilePendingAbortsTheInjection) {
  host.resolver.Set("db.example", {"10.0.0.1"});
  auto injected = Inject("a", R"(blackhole { target { to { host: "db.example" } } })");
  auto reverted = Revert("a");
  EXPECT_EQ((*injected)->status(),
            absl::AbortedError("fault a was reverted meanwhile (END_REASON_REQUESTED)"));
  EXPECT_EQ((**reverted)->state(), v1::FAULT_STATE_REVERTED);
  host.loop.RunFor(minutes(2));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED) << "the late addresses change nothing";
  EXPECT_EQ(host.script.Count("create link"), 0u);
  EXPECT_EQ(engine().active_count(), 0u);
}

TEST_F(EngineRevertTest, FailedRevertIsTriedAgainEverMoreSlowlyAndForEver) {
  Inject("a", kLatency);
  host.script.FailAll("apply steering");
  std::vector<milliseconds> attempts;
  const BootTime start = host.clock.Now();
  engine().Watch([&](const v1::Fault& fault) {
    if (fault.state() == v1::FAULT_STATE_REVERTING && fault.has_error()) {
      const auto at = std::chrono::duration_cast<milliseconds>(host.clock.Now() - start);
      if (attempts.empty() || attempts.back() != at) attempts.push_back(at);
    }
  });
  auto answer = Revert("a");
  host.loop.RunFor(seconds(45));
  EXPECT_THAT(attempts,
              ElementsAre(milliseconds(0), milliseconds(50), milliseconds(150), milliseconds(350),
                          milliseconds(750), milliseconds(1550), milliseconds(3150),
                          milliseconds(6350), milliseconds(12'750), milliseconds(22'750),
                          milliseconds(32'750), milliseconds(42'750)));
  EXPECT_FALSE(answer->has_value());
  auto fault = engine().Get("a");
  EXPECT_EQ(fault->state(), v1::FAULT_STATE_REVERTING);
  EXPECT_THAT(fault->error().message(),
              testing::StartsWith("apply steering with 0 chains: Input/output error"));
  EXPECT_TRUE(RecordOf("a")) << "the record is kept until it is done";
  EXPECT_EQ(engine().active_count(), 1u);

  host.script.Reset();
  host.loop.RunFor(seconds(11));
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((**answer)->state(), v1::FAULT_STATE_REVERTED);
  EXPECT_FALSE((**answer)->has_error());
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ(host.loop.timers(), 0u);
}

TEST_F(EngineRevertTest, RecordThatCannotBeRemovedIsTriedAgain) {
  Inject("a", kNoop);
  host.script.FailAll("remove file");
  auto answer = Revert("a");
  EXPECT_FALSE(answer->has_value());
  EXPECT_EQ(engine().Get("a")->error().message(),
            "remove undo record of a: remove file a.record: Input/output error");
  host.script.Reset();
  host.loop.RunFor(seconds(1));
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineRevertTest, OneFaultInTroubleDoesNotDelayTheOthers) {
  Inject("a", kLatency);
  Inject("b", kNoop);
  host.script.FailAll("apply steering");
  Revert("a");
  auto b = Revert("b");
  ASSERT_TRUE(b->has_value());
  EXPECT_EQ((**b)->state(), v1::FAULT_STATE_REVERTED);
}

TEST_F(EngineRevertTest, RevertAllRevertsAll) {
  Inject("a", kLatency);
  Inject("b", kBlackhole);
  Inject("c", kNoop);
  Inject("over", kNoop);
  Revert("over");
  std::vector<std::string> reverted;
  bool done = false;
  engine().RevertAll(v1::END_REASON_REQUESTED, [&](const std::vector<v1::Fault>& faults) {
    done = true;
    for (const v1::Fault& fault : faults) {
      EXPECT_EQ(fault.state(), v1::FAULT_STATE_REVERTED);
      reverted.push_back(fault.id());
    }
  });
  EXPECT_FALSE(IsHit("10.0.0.1"));
  EXPECT_FALSE(done);
  host.loop.RunFor(milliseconds(100));
  EXPECT_TRUE(done);
  EXPECT_THAT(reverted, UnorderedElementsAre("a", "b", "c"));
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineRevertTest, RevertAllEndsAllNetworkFaultsInOneTransaction) {
  for (int i = 0; i < 50; ++i) {
    Inject(StrCat("f", i),
           StrCat("loss { target { to { host: \"10.0.0.", i, "\" } } percent: 5 }"));
  }
  host.kernel.Send("eth0", Direction::kEgress, {*IpAddress::Parse("10.0.0.7")}, 3, 300);
  host.script.Reset();
  engine().RevertAll(v1::END_REASON_REQUESTED, [](const std::vector<v1::Fault>&) {});
  EXPECT_FALSE(IsHit("10.0.0.7"));
  EXPECT_EQ(host.script.Count("apply steering"), 1u);
  host.loop.RunFor(milliseconds(100));
  EXPECT_EQ(engine().active_count(), 0u);
  EXPECT_EQ(engine().Get("f7")->effect().loss().packets_matched(), 3u) << "its last figures";
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineRevertTest, RevertAllGoesOneByOneWhenAllAtOnceFails) {
  Inject("a", kLatency);
  Inject("b", kBlackhole);
  host.script.FailAll("apply steering with 0 chains");
  engine().RevertAll(v1::END_REASON_REQUESTED, [](const std::vector<v1::Fault>&) {});
  EXPECT_TRUE(IsHit("10.0.0.7"));
  host.script.Reset();
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(engine().active_count(), 0u);
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineRevertTest, RevertAllIsNotDoneWhileALinkIsThere) {
  host.kernel.SetBackgroundLists(40);
  Inject("a", kBlackhole);
  bool done = false;
  engine().RevertAll(v1::END_REASON_REQUESTED, [&](const std::vector<v1::Fault>&) {
    done = true;
    EXPECT_EQ(host.kernel.state(), before.kernel);
  });
  EXPECT_FALSE(done);
  host.loop.RunFor(seconds(1));
  EXPECT_TRUE(done);
}

TEST_F(EngineRevertTest, RevertAllOfNothingIsDoneAtOnce) {
  bool done = false;
  engine().RevertAll(v1::END_REASON_REQUESTED, [&](const std::vector<v1::Fault>& faults) {
    done = true;
    EXPECT_THAT(faults, IsEmpty());
  });
  EXPECT_TRUE(done);
}

TEST_F(EngineRevertTest, ShutdownRevertsAndRefuses) {
  Inject("a", kLatency);
  host.resolver.Set("db.example", {"10.0.0.1"});
  auto pending = Inject("p", R"(blackhole { target { to { host: "db.example" } } })");
  bool done = false;
  engine().Shutdown([&] { done = true; });
  EXPECT_FALSE(IsHit("10.0.0.1"));
  EXPECT_EQ((*Inject("b", kNoop))->status(),
            absl::UnavailableError("faultd is stopping; try again once it is back"));
  EXPECT_EQ((*pending)->status().code(), absl::StatusCode::kAborted);
  host.loop.RunFor(milliseconds(100));
  EXPECT_TRUE(done);
  EXPECT_EQ(engine().Get("a")->end_reason(), v1::END_REASON_SHUTDOWN);
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ(host.loop.timers(), 0u);
}

TEST_F(EngineRevertTest, WatchersHearEveryFailedAttempt) {
  Inject("a", kLatency);
  std::vector<std::string> errors;
  engine().Watch([&](const v1::Fault& fault) { errors.push_back(fault.error().message()); });
  host.script.FailAll("list links");
  Revert("a");
  EXPECT_FALSE(errors.empty());
  EXPECT_EQ(errors.front(), "list links: Input/output error");
}

// The answer may start the next fault at once, even under the same name.
TEST_F(EngineRevertTest, AnswersMayCallBackIntoTheEngine) {
  bool second = false;
  engine().Inject(RequestFor("a", kNoop), {.actor = "me"}, [&](StatusOr<v1::Fault> fault) {
    ASSERT_TRUE(fault.ok());
    engine().Revert("a", v1::END_REASON_REQUESTED, [&](StatusOr<v1::Fault> over) {
      ASSERT_TRUE(over.ok());
      engine().Inject(RequestFor("b", kNoop), {.actor = "me"},
                      [&](StatusOr<v1::Fault> next) { second = next.ok(); });
    });
  });
  host.loop.RunReady();
  EXPECT_TRUE(second);
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(StateOf("b"), v1::FAULT_STATE_ACTIVE);
}

}  // namespace
}  // namespace faultd

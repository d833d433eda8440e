// The records on a disk that stalls: it must not make a lease end late, and what it does late must
// not bring back what is over.
#include "engine/engine.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class EngineRecordTest : public EngineFixture {
 protected:
  // The name that fault "a" is for has a new address, which is looked up, but cannot be recorded.
  void StallWithNewAddresses() {
    host.resolver.Set("db.example", {"10.0.0.1"});
    Inject("a", R"(blackhole { target { to { host: "db.example" } } })");
    host.loop.RunFor(milliseconds(10));
    host.resolver.Set("db.example", {"10.0.0.2"});
    host.worker.Stall();
    host.loop.RunFor(seconds(16));
  }

  static constexpr char kOther[] = R"(blackhole { target { to { host: "10.0.0.0/9" } } })";
};

TEST_F(EngineRecordTest, NothingIsChangedBeforeItIsRecorded) {
  host.worker.Stall();
  auto answer = Inject("a", kLatency);
  host.loop.RunFor(seconds(1));
  EXPECT_FALSE(answer->has_value());
  EXPECT_EQ(host.Snapshot(), before);
  host.worker.LetGo();
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->status(), absl::OkStatus());
  EXPECT_TRUE(IsHit("10.0.0.1"));
}

TEST_F(EngineRecordTest, LeaseOfAnotherFaultEndsInTime) {
  Inject("a", kLatency);
  host.loop.RunFor(seconds(59));
  host.worker.Stall();
  Inject("b", R"(blackhole { target { to { host: "192.0.2.0/24" } } })");
  host.loop.RunFor(seconds(1));
  EXPECT_FALSE(IsHit("10.0.0.1"));
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTING) << "its record is still there";
  host.worker.LetGo();
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(StateOf("b"), v1::FAULT_STATE_ACTIVE);
}

TEST_F(EngineRecordTest, LeaseCountsFromThePlanOn) {
  host.worker.Stall();
  auto answer = Inject("a", kLatency);
  host.loop.RunFor(seconds(60));
  host.worker.LetGo();
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->status(),
            absl::AbortedError("fault a was reverted meanwhile (END_REASON_LEASE_ENDED)"));
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ(host.script.Count("create link"), 0u);
  EXPECT_EQ(host.loop.timers(), 0u);
}

TEST_F(EngineRecordTest, RevertedWhileItIsRecordedNothingOfItIsLeft) {
  host.worker.Stall();
  Inject("a", kLatency);
  auto reverted = Revert("a");
  EXPECT_FALSE(reverted->has_value());
  host.worker.LetGo();
  ASSERT_TRUE(reverted->has_value());
  EXPECT_EQ((**reverted)->state(), v1::FAULT_STATE_REVERTED);
  host.loop.RunFor(minutes(2));
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineRecordTest, AllThatWaitForTheDiskAreRevertedAtOnce) {
  Inject("a", kLatency);
  host.worker.Stall();
  Inject("b", kOther);
  Inject("c", kNoop);
  std::optional<size_t> over;
  engine().RevertAll(v1::END_REASON_REQUESTED,
                     [&](const std::vector<v1::Fault>& faults) { over = faults.size(); });
  EXPECT_FALSE(IsHit("10.0.0.1"));
  host.loop.RunFor(seconds(1));
  host.worker.LetGo();
  host.loop.RunReady();
  EXPECT_EQ(over, 3u);
  EXPECT_EQ(host.Snapshot(), before);
}

// Two that are planned on the same host as it was would each be right, but not both.
TEST_F(EngineRecordTest, NextIsPlannedAfterTheChange) {
  host.worker.Stall();
  Inject("a", kLatency);
  auto next = Inject("b", kOther);
  EXPECT_EQ(host.worker.waiting(), 1u);
  host.worker.LetGo();
  host.loop.RunReady();
  ASSERT_TRUE(next->has_value());
  EXPECT_EQ(StateOf("b"), v1::FAULT_STATE_ACTIVE);
}

TEST_F(EngineRecordTest, WhatHasWaitedLongerThanItsLeaseIsNotInjected) {
  Inject("a", kLatency);
  host.worker.Stall();
  StartRenewal("a", seconds(600));
  auto late = Inject("b", kOther);
  host.loop.RunFor(seconds(60));
  host.worker.LetGo();
  host.loop.RunReady();
  ASSERT_TRUE(late->has_value());
  EXPECT_EQ(
      (*late)->status(),
      absl::AbortedError(
          "it would have begun after its lease: the disk with the journal is slow, or stalls"));
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineRecordTest, NewLeaseCountsOnceItIsRecorded) {
  Inject("a", kLatency);
  host.worker.Stall();
  auto renewed = StartRenewal("a", seconds(600));
  host.loop.RunFor(seconds(30));
  EXPECT_EQ(engine().Get("a")->lease().remaining().seconds(), 30);
  EXPECT_FALSE(renewed->has_value());
  host.worker.LetGo();
  ASSERT_TRUE(renewed->has_value());
  EXPECT_EQ((**renewed)->lease().remaining().seconds(), 570) << "it began when it was asked for";
  EXPECT_TRUE(IsHit("10.0.0.1"));
}

TEST_F(EngineRecordTest, LeaseThatEndsBeforeTheNewOneIsRecordedHasEnded) {
  Inject("a", kLatency);
  host.worker.Stall();
  auto renewed = StartRenewal("a", seconds(600));
  host.loop.RunFor(seconds(60));
  EXPECT_FALSE(IsHit("10.0.0.1"));
  host.loop.RunFor(seconds(1));
  host.worker.LetGo();
  ASSERT_TRUE(renewed->has_value());
  EXPECT_EQ((*renewed)->status(),
            absl::AbortedError("fault a ended while its new lease was written"));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(host.Snapshot(), before);
}

// The guardian may read the new record before its writer knows that it is on disk.
TEST_F(EngineRecordTest, ShorterLeaseCountsAtOnce) {
  Inject("a", kLatency);
  host.worker.Stall();
  StartRenewal("a", seconds(5));
  host.loop.RunFor(seconds(5));
  EXPECT_FALSE(IsHit("10.0.0.1"));
}

TEST_F(EngineRecordTest, ShorterLeaseThatCannotBeRecordedCountsNoMore) {
  Inject("a", kLatency);
  host.script.Reset();
  host.script.FailAt(1);
  EXPECT_FALSE(Renew("a", seconds(5)).ok());
  host.loop.RunFor(seconds(10));
  EXPECT_TRUE(IsHit("10.0.0.1"));
  EXPECT_EQ(engine().Get("a")->lease().remaining().seconds(), 50);
}

TEST_F(EngineRecordTest, RenewalsAreRecordedInTheirOrder) {
  Inject("a", kLatency);
  host.worker.Stall();
  auto first = StartRenewal("a", seconds(600));
  auto second = StartRenewal("a", seconds(300));
  // The first one fails, and puts the lease before back; the second one comes after that.
  host.script.Reset();
  host.script.FailAt(1);
  host.worker.LetGo();
  host.loop.RunReady();
  ASSERT_TRUE(first->has_value() && second->has_value());
  EXPECT_FALSE((*first)->ok());
  EXPECT_EQ((*second)->status(), absl::OkStatus());
  EXPECT_EQ(engine().Get("a")->lease().remaining().seconds(), 300);
  EXPECT_EQ(RecordOf("a")->deadline_boottime_ns(), (host.clock.Now() + seconds(300)).count());
}

TEST_F(EngineRecordTest, NewAddressesComeAfterTheyAreRecorded) {
  StallWithNewAddresses();
  EXPECT_FALSE(IsHit("10.0.0.2"));
  EXPECT_TRUE(IsHit("10.0.0.1"));
  host.worker.LetGo();
  EXPECT_TRUE(IsHit("10.0.0.2"));
}

TEST_F(EngineRecordTest, FaultThatEndsWhileItsNewAddressesAreRecordedStaysOver) {
  StallWithNewAddresses();
  Revert("a");
  host.loop.RunFor(seconds(1));
  host.worker.LetGo();
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineRecordTest, TellsOfTheBeginBeforeTheRecordAndOfTheEndBeforeItIsRemoved) {
  std::vector<std::string> told;
  engine().WatchRecords([&](const std::string& id, Engine::RecordNews news) {
    constexpr const char* kSigns[] = {"+", "~", "-", "="};
    told.push_back(kSigns[static_cast<int>(news)] + id + (RecordOf(id) ? " recorded" : ""));
    EXPECT_FALSE(IsHit("10.0.0.1"));
  });
  host.clock.Advance(seconds(1));
  Inject("a", kLatency);
  Revert("a");
  host.loop.RunFor(milliseconds(100));
  EXPECT_THAT(told, testing::ElementsAre("+a", "~a recorded", "-a recorded"));
}

// Else the guardian would take the daemon for hanging, and end all faults for one that goes slowly.
TEST_F(EngineRecordTest, TellsTwiceASecondOfWhatIsOnItsWayOut) {
  Inject("a", kLatency);
  host.kernel.SetBackgroundLists(1'000'000);
  host.clock.Advance(seconds(1));
  int told = 0;
  engine().WatchRecords([&](const std::string&, Engine::RecordNews news) {
    EXPECT_EQ(news, Engine::RecordNews::kGoing);
    ++told;
  });
  Revert("a");
  host.loop.RunFor(milliseconds(1990));
  EXPECT_EQ(told, 4);
}

TEST_F(EngineRecordTest, AnswersThatComeWhenTheEngineIsGoneDoNothing) {
  auto gone = std::make_unique<Engine>(host.host(), host.journal(), host.worker, host.loop,
                                       host.resolver, host.clock, host.boot_id, NameLookups());
  host.worker.Stall();
  gone->Inject(RequestFor("a", std::string(kLatency)), {.actor = "test"},
               [](const StatusOr<v1::Fault>&) { FAIL() << "answered by nobody"; });
  gone.reset();
  host.worker.LetGo();
  EXPECT_FALSE(IsHit("10.0.0.1"));
}

}  // namespace
}  // namespace faultd

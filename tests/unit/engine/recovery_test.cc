#include "engine/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "support/sample_specs.h"
#include "support/test_host.h"

namespace faultd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kLatency[] =
    R"(latency { target { to { host: "10.0.0.0/8" } } delay { nanos: 100000000 } })";

void Inject(TestHost& host, const std::string& id, const std::string& spec) {
  Status status = absl::UnknownError("no answer");
  host.engine().Inject(RequestFor(id, spec), {.actor = "test"},
                       [&](StatusOr<v1::Fault> fault) { status = fault.status(); });
  host.loop.RunFor(std::chrono::milliseconds(10));
  ASSERT_EQ(status, absl::OkStatus());
}

TEST(RecoveryTest, CleanHostHasNothingToLog) {
  TestHost host;
  const HostSnapshot before = host.Snapshot();
  EXPECT_THAT(*host.RunRecovery(), IsEmpty());
  EXPECT_EQ(host.Snapshot(), before);
}

TEST(RecoveryTest, RevertsEveryRecord) {
  TestHost host;
  const HostSnapshot before = host.Snapshot();
  Inject(host, "a", kLatency);
  Inject(host, "b", "noop { }");
  host.Restart();
  EXPECT_THAT(*host.RunRecovery(),
              ElementsAre("fault a: latency reverted", "fault b: noop reverted"));
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_THAT(*host.RunRecovery(), IsEmpty());
}

// Records may be on a disk that does not answer.
TEST(RecoveryTest, PacketsArriveBeforeRecordsAreRead) {
  for (const SteeringKind steering : {SteeringKind::kNftables, SteeringKind::kFlower}) {
    TestHost host(steering);
    const KernelState before = host.kernel.state();
    Inject(host, "a", kLatency);
    host.Restart();
    host.script.Reset();
    EXPECT_THAT(*host.RunRecovery(), ElementsAre("fault a: latency reverted"));
    EXPECT_EQ(host.kernel.state(), before);
    const auto first = [&](const std::string& call) {
      const auto begins = [&](const std::string& line) { return line.starts_with(call); };
      return std::ranges::find_if(host.script.log(), begins) - host.script.log().begin();
    };
    EXPECT_LT(first("apply steering"), first("list directory"));
    EXPECT_LT(first("delete link"), first("list directory"));
    EXPECT_GE(host.script.Count("list directory"), 1u);
  }
}

// There may be thousands, and each wait for the disk takes a millisecond or more.
TEST(RecoveryTest, WaitsForNoDisk) {
  TestHost host;
  for (int i = 0; i < 20; ++i) Inject(host, StrCat("f", i), "noop { }");
  host.Restart();
  host.script.Reset();
  ASSERT_TRUE(host.RunRecovery().ok());
  EXPECT_EQ(host.script.Count("sync file"), 0u);
  EXPECT_THAT(host.directory.files(), IsEmpty());
}

TEST(RecoveryTest, RecordsThatComeBackWithALossOfPowerChangeNothing) {
  TestHost host;
  const HostSnapshot before = host.Snapshot();
  Inject(host, "a", kLatency);
  Inject(host, "b", R"(disk_fill { path: "/data" inodes_percent_full: 90 })");
  host.Restart();
  ASSERT_TRUE(host.RunRecovery().ok());
  host.RestartAfterPowerLoss();
  EXPECT_THAT(*host.RunRecovery(),
              ElementsAre("fault a: latency ended with the boot it was made in",
                          "fault b: disk_fill reverted"));
  EXPECT_EQ(host.Snapshot(), before);
}

// Reverting comes first: what cannot be removed is only reverted once more.
TEST(RecoveryTest, RecordThatCannotBeRemovedDoesNotKeepTheOthers) {
  TestHost host;
  const HostSnapshot before = host.Snapshot();
  Inject(host, "a", kLatency);
  Inject(host, "b", "noop { }");
  host.Restart();
  host.script.FailAll("remove file a");
  EXPECT_EQ(host.RunRecovery().status().message(),
            "remove undo record of a: remove file a.record: Input/output error");
  EXPECT_FALSE(host.directory.files().contains("b.record"));
  host.script.Reset();
  ASSERT_TRUE(host.RunRecovery().ok());
  EXPECT_EQ(host.Snapshot(), before);
}

TEST(RecoveryTest, RecordOfAnotherBootIsOverWithTheKernelItWasMadeIn) {
  TestHost host;
  const HostSnapshot before = host.Snapshot();
  Inject(host, "a", kLatency);
  host.RestartAfterPowerLoss();
  EXPECT_THAT(*host.RunRecovery(),
              ElementsAre("fault a: latency ended with the boot it was made in"));
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ(host.script.Count("apply steering"), 0u);
}

TEST(RecoveryTest, TaggedObjectsGoWithoutARecord) {
  TestHost host(SteeringKind::kFlower);
  host.kernel.AddHook("eth0");
  const HostSnapshot before = host.Snapshot();
  Inject(host, "a", kLatency);
  host.directory.files().clear();
  host.Restart();
  EXPECT_THAT(*host.RunRecovery(),
              ElementsAre("removed link faultd0, which no record speaks of",
                          "removed flower filters on eth0 egress, which no record speaks of"));
  EXPECT_EQ(host.Snapshot(), before);
}

// A revert goes on while links are deleted; what the record lists has gone by then.
TEST(RecoveryTest, HookInPlaceOfOneOfThisProcessStays) {
  TestHost host(SteeringKind::kFlower);
  Inject(host, "a", kLatency);
  host.engine().Revert("a", v1::END_REASON_REQUESTED, [](StatusOr<v1::Fault>) {});
  ASSERT_THAT(host.kernel.state().hooks, IsEmpty());
  host.kernel.AddHook("eth0");
  host.loop.RunFor(std::chrono::minutes(1));
  Inject(host, "b", kLatency);
  host.engine().Revert("b", v1::END_REASON_REQUESTED, [](StatusOr<v1::Fault>) {});
  host.loop.RunFor(std::chrono::minutes(1));
  EXPECT_EQ(host.kernel.state().hooks.size(), 1u);
  EXPECT_THAT(host.directory.files(), IsEmpty());
}

// A disk may keep a record for as long as it likes.
TEST(RecoveryTest, HookInPlaceOfOneThatWasSeenGoneStays) {
  for (const bool seen_gone : {false, true}) {
    TestHost host(SteeringKind::kFlower);
    Inject(host, "a", kLatency);
    const std::string record = host.directory.files().at("a.record");
    host.engine().Revert("a", v1::END_REASON_REQUESTED, [](StatusOr<v1::Fault>) {});
    host.loop.RunFor(std::chrono::minutes(1));
    ASSERT_THAT(host.kernel.state().hooks, IsEmpty());
    host.kernel.AddHook("eth0");
    host.Restart();
    host.directory.files()["a.record"] = record;
    EXPECT_THAT(*host.RunRecovery([&](const std::string& id) { return seen_gone && id == "a"; }),
                ElementsAre("fault a: latency reverted"));
    EXPECT_EQ(host.kernel.state().hooks.size(), seen_gone ? 1u : 0u);
    EXPECT_THAT(host.directory.files(), IsEmpty());
  }
}

TEST(RecoveryTest, DamagedRecordIsSetAsideAndTheHostIsCleanAllTheSame) {
  TestHost host;
  const KernelState before = host.kernel.state();
  Inject(host, "a", kLatency);
  host.directory.files()["a.record"] = "faultd-record";
  host.Restart();
  EXPECT_THAT(
      *host.RunRecovery(),
      ElementsAre("record a.record: does not begin like a record of this version; set aside",
                  "removed link faultd0, which no record speaks of"));
  EXPECT_EQ(host.kernel.state(), before);
  EXPECT_THAT(*host.journal().ListSetAside(), ElementsAre("a.record.aside"));
  EXPECT_THAT(*host.RunRecovery(), IsEmpty());
}

TEST(RecoveryTest, RecordOfAnUnknownKindIsSetAside) {
  TestHost host;
  v1::JournalRecord record;
  record.set_id("future");
  record.set_boot_id(host.boot_id);
  ASSERT_TRUE(host.journal().Write(record).ok());
  EXPECT_THAT(*host.RunRecovery(),
              ElementsAre("fault future: of a kind that this version does not know; record set "
                          "aside"));
  EXPECT_THAT(*host.journal().ListSetAside(), ElementsAre("future.record.aside"));
}

TEST(RecoveryTest, RecordThatCannotBeRevertedIsKept) {
  TestHost host;
  const HostSnapshot before = host.Snapshot();
  Inject(host, "a", kLatency);
  Inject(host, "b", "noop { }");
  host.Restart();
  host.script.FailAll("delete links");
  const Status status = host.RunRecovery().status();
  EXPECT_EQ(status.message(),
            "revert fault a: delete links 3: Input/output error; remove what is tagged as ours: "
            "delete links 3: Input/output error");
  EXPECT_TRUE(host.directory.files().contains("a.record"));
  EXPECT_FALSE(host.directory.files().contains("b.record")) << "it goes on after an error";
  host.script.Reset();
  ASSERT_TRUE(host.RunRecovery().ok());
  EXPECT_EQ(host.Snapshot(), before);
}

// It would have been set aside, and with it the knowledge of the hook.
TEST(RecoveryTest, RecordThatCannotBeReadForWantOfMemoryIsKept) {
  TestHost host(SteeringKind::kFlower);
  const HostSnapshot before = host.Snapshot();
  Inject(host, "a", kLatency);
  host.Restart();
  host.script.SetError(ENOMEM);
  host.script.FailAll("read file");
  EXPECT_EQ(host.RunRecovery().status().message(),
            "record a.record: read file a.record: Cannot allocate memory");
  host.script.Reset();
  ASSERT_TRUE(host.RunRecovery().ok());
  EXPECT_EQ(host.Snapshot(), before);
}

TEST(RecoveryTest, UnreadableJournalStillMeansACleanKernel) {
  TestHost host;
  const KernelState before = host.kernel.state();
  Inject(host, "a", kLatency);
  host.Restart();
  host.script.FailAll("list directory");
  EXPECT_EQ(host.RunRecovery().status().message(), "list directory: Input/output error");
  EXPECT_EQ(host.kernel.state(), before);
}

}  // namespace
}  // namespace faultd

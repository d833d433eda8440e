#include "ctl/commands.h"

#include <gtest/gtest.h>

#include "ctl/fake_daemon.h"
#include "ctl/from_text.h"
#include "google/rpc/error_details.pb.h"

namespace faultd::ctl {
namespace {

v1::Fault ActiveFault(const std::string& id = "my-1") {
  auto fault = From<v1::Fault>(R"(
      state: FAULT_STATE_ACTIVE summary: "noop" spec { noop {} }
      lease { duration { seconds: 90 } remaining { seconds: 90 }
              deadline { seconds: 1770091506 } })");
  fault.set_id(id);
  return fault;
}

v1::Fault EndedFault(v1::FaultState state, v1::EndReason reason) {
  v1::Fault fault = ActiveFault();
  fault.set_state(state);
  fault.set_end_reason(reason);
  fault.mutable_lease()->clear_remaining();
  return fault;
}

class CommandsTest : public ::testing::Test {
 protected:
  std::string out() const { return daemon_.output.str(); }
  std::string err() const { return daemon_.err.str(); }

  FakeDaemon daemon_;
};

TEST_F(CommandsTest, InjectConfirmsInOneLine) {
  daemon_.fault = ActiveFault();
  EXPECT_EQ(daemon_.Run("noop --for 90s --id my-1"), ExitCode::kDone);
  EXPECT_EQ(out(), "my-1 active until 2026-02-03 04:05:06 UTC (1m30s): noop\n");
  EXPECT_EQ(err(), "");
  EXPECT_EQ(daemon_.injected.id(), "my-1");
}

TEST_F(CommandsTest, InjectAnswersAProgramInOneObject) {
  daemon_.fault = ActiveFault();
  EXPECT_EQ(daemon_.Run("noop --for 90s --json"), ExitCode::kDone);
  EXPECT_EQ(out(),
            R"({"id":"my-1","spec":{"noop":{}},"lease":{"duration":"90s",)"
            R"("deadline":"2026-02-03T04:05:06Z","remaining":"90s"},"state":"FAULT_STATE_ACTIVE",)"
            R"("summary":"noop"})"
            "\n");
}

TEST_F(CommandsTest, ARepeatedInjectOfAFaultThatIsOverFails) {
  daemon_.fault = EndedFault(v1::FAULT_STATE_REVERTED, v1::END_REASON_LEASE_ENDED);
  EXPECT_EQ(daemon_.Run("noop --for 90s --id my-1"), ExitCode::kFaultFailed);
  EXPECT_EQ(err(), "faultctl: my-1 reverted, lease ended: noop\n");
}

TEST_F(CommandsTest, RefusalsArriveWithTheirDetails) {
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_field("spec.noop.note");
  bad.mutable_field_violations(0)->set_description("is too long; write at most 256 bytes");
  google::rpc::Status details;
  details.set_code(3);
  details.set_message("spec.noop.note: is too long; write at most 256 bytes");
  details.add_details()->PackFrom(bad);
  daemon_.status = grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, details.message(),
                                details.SerializeAsString());
  EXPECT_EQ(daemon_.Run("noop --for 90s"), ExitCode::kUsage);
  EXPECT_EQ(err(), "faultctl: --note: is too long; write at most 256 bytes\n");
  EXPECT_EQ(daemon_.Run("noop --for 90s --json"), ExitCode::kUsage);
  EXPECT_EQ(
      out(),
      R"({"error":{"code":3,"message":"spec.noop.note: is too long; write at most 256 bytes",)"
      R"("details":[{"@type":"type.googleapis.com/google.rpc.BadRequest",)"
      R"("field_violations":[{"field":"spec.noop.note",)"
      R"("description":"is too long; write at most 256 bytes"}]}]}})"
      "\n");
}

TEST_F(CommandsTest, ADaemonThatIsGoneIsUnreachable) {
  daemon_.StopServer();
  for (const char* words :
       {"list", "noop --for 1s", "noop --for 1s --hold", "watch", "revert a", "doctor"}) {
    EXPECT_EQ(daemon_.Run(words), ExitCode::kUnreachable) << words;
    EXPECT_TRUE(err().starts_with("faultctl: cannot reach faultd at " + daemon_.address()))
        << err();
  }
  EXPECT_NE(err().find("faultd-guardian --once"), std::string::npos) << err();
  EXPECT_EQ(daemon_.Run("version"), ExitCode::kDone);
}

TEST_F(CommandsTest, ListGoesThroughAllPages) {
  daemon_.faults = {ActiveFault("a"), ActiveFault("b"), ActiveFault("c")};
  EXPECT_EQ(daemon_.Run("list"), ExitCode::kDone);
  EXPECT_EQ(out(),
            "ID  STATE   LEASE       WHAT\n"
            "a   active  1m30s left  noop\n"
            "b   active  1m30s left  noop\n"
            "c   active  1m30s left  noop\n");
  EXPECT_EQ(daemon_.Run("ids"), ExitCode::kDone);
  EXPECT_EQ(out(), "a\nb\nc\n");
  EXPECT_EQ(daemon_.Run("list --json"), ExitCode::kDone);
  const std::string lines = out();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
  daemon_.faults.clear();
  EXPECT_EQ(daemon_.Run("list"), ExitCode::kDone);
  EXPECT_EQ(out(), "no faults\n");
}

TEST_F(CommandsTest, GetGoesOnBehindAnUnknownId) {
  daemon_.fault = ActiveFault();
  EXPECT_EQ(daemon_.Run("get nope my-1"), ExitCode::kRefused);
  EXPECT_EQ(err(), "faultctl: there is no fault nope\n");
  EXPECT_TRUE(out().starts_with("my-1 active, 1m30s left: noop\n")) << out();
}

TEST_F(CommandsTest, RenewSaysTheNewEnd) {
  daemon_.fault = ActiveFault();
  EXPECT_EQ(daemon_.Run("renew my-1 --for 2m"), ExitCode::kDone);
  EXPECT_EQ(out(), "my-1 active until 2026-02-03 04:05:06 UTC (2m)\n");
}

TEST_F(CommandsTest, RevertGoesOnAndAnswersWithTheWorst) {
  daemon_.fault = EndedFault(v1::FAULT_STATE_REVERTED, v1::END_REASON_REQUESTED);
  EXPECT_EQ(daemon_.Run("revert my-1"), ExitCode::kDone);
  EXPECT_EQ(out(), "my-1 reverted, requested: noop\n");
  EXPECT_EQ(daemon_.Run("revert unknown my-1"), ExitCode::kRefused);
  EXPECT_EQ(daemon_.reverted, (std::vector<std::string>{"my-1", "unknown", "my-1"}));
  daemon_.fault.set_state(v1::FAULT_STATE_REVERTING);
  EXPECT_EQ(daemon_.Run("revert unknown my-1"), ExitCode::kRevertIncomplete);
  daemon_.status = grpc::Status(grpc::StatusCode::INTERNAL, "delete link faultd0: busy");
  EXPECT_EQ(daemon_.Run("revert my-1"), ExitCode::kRevertIncomplete);
  EXPECT_EQ(err(), "faultctl: delete link faultd0: busy\n");
}

TEST_F(CommandsTest, RevertAllReportsEach) {
  EXPECT_EQ(daemon_.Run("revert --all"), ExitCode::kDone);
  EXPECT_EQ(out(), "no faults to revert\n");
  daemon_.faults = {EndedFault(v1::FAULT_STATE_REVERTED, v1::END_REASON_REQUESTED),
                    EndedFault(v1::FAULT_STATE_REVERTING, v1::END_REASON_REQUESTED)};
  EXPECT_EQ(daemon_.Run("revert --all"), ExitCode::kRevertIncomplete);
}

TEST_F(CommandsTest, WatchOfOneFaultEndsWithIt) {
  v1::WatchFaultsResponse event;
  *event.mutable_fault() = ActiveFault();
  daemon_.events.push_back(event);
  event.set_snapshot_done(true);
  daemon_.events.push_back(event);
  EXPECT_EQ(daemon_.Run("watch --json"), ExitCode::kDone);
  EXPECT_EQ(out(), ToJson(ActiveFault()) + "\n");
  *event.mutable_fault() = EndedFault(v1::FAULT_STATE_FAILED, v1::END_REASON_ERROR);
  daemon_.events.push_back(event);
  EXPECT_EQ(daemon_.Run("watch my-1"), ExitCode::kFaultFailed);
  *event.mutable_fault() = EndedFault(v1::FAULT_STATE_REVERTED, v1::END_REASON_REQUESTED);
  daemon_.events.back() = event;
  EXPECT_EQ(daemon_.Run("watch my-1"), ExitCode::kDone);
  EXPECT_NE(out().find(" my-1 reverted, requested: noop\n"), std::string::npos) << out();
}

TEST_F(CommandsTest, ADryRunSaysWhatWouldChange) {
  daemon_.plan.set_summary("noop");
  daemon_.plan.add_changes("nothing");
  EXPECT_EQ(daemon_.Run("noop --dry-run"), ExitCode::kDone);
  EXPECT_EQ(out(), "would inject: noop\n  change    nothing\n  undo      {}\n");
}

TEST_F(CommandsTest, TheDoctorFailsOverLeftovers) {
  daemon_.description.set_version("9");
  auto* capability = daemon_.description.add_capabilities();
  capability->set_kind("latency");
  capability->set_state(v1::Capability::UNAVAILABLE);
  EXPECT_EQ(daemon_.Run("doctor"), ExitCode::kDone);
  EXPECT_EQ(daemon_.Run("doctor --strict"), ExitCode::kFaultFailed);
  capability->set_state(v1::Capability::LIMITED);
  EXPECT_EQ(daemon_.Run("doctor --strict"), ExitCode::kFaultFailed);
  daemon_.description.set_guardian_pid(7);
  EXPECT_EQ(daemon_.Run("doctor --strict"), ExitCode::kDone);
  daemon_.description.add_leftovers()->set_name("faultd0");
  EXPECT_EQ(daemon_.Run("doctor"), ExitCode::kFaultFailed);
  EXPECT_EQ(daemon_.Run("version --json"), ExitCode::kDone);
  EXPECT_EQ(out(), "{\"faultctl\":\"" FAULTD_VERSION "\",\"faultd\":\"9\"}\n");
}

}  // namespace
}  // namespace faultd::ctl

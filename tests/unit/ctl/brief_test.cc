#include "ctl/brief.h"

#include <gtest/gtest.h>

#include "ctl/fake_daemon.h"

namespace faultd::ctl {
namespace {

v1::Fault Active(const std::string& id, const std::string& summary = "noop") {
  v1::Fault fault;
  fault.set_id(id);
  fault.set_state(v1::FAULT_STATE_ACTIVE);
  fault.set_summary(summary);
  fault.mutable_lease()->mutable_deadline()->set_seconds(1770091506);
  fault.mutable_lease()->mutable_deadline()->set_nanos(999'999'999);
  return fault;
}

const char kActive[] =
    R"({"id":"my-1","state":"active","summary":"noop","deadline":"2026-02-03T04:05:06Z"})";

TEST(Brief, AFaultIsItsIdStateSummaryAndDeadline) {
  EXPECT_EQ(BriefFault(Active("my-1")), kActive);
}

TEST(Brief, AFaultThatIsOverSaysWhy) {
  v1::Fault fault = Active("my-1");
  fault.set_state(v1::FAULT_STATE_FAILED);
  fault.set_end_reason(v1::END_REASON_ERROR);
  fault.mutable_error()->set_message("open \"/x\": no such file");
  EXPECT_EQ(BriefFault(fault),
            R"({"id":"my-1","state":"failed","summary":"noop","end_reason":"error",)"
            R"("error":"open \"/x\": no such file"})");
}

TEST(Brief, NothingIsAllowedToFillTheLog) {
  EXPECT_LT(BriefFault(Active("my-1", std::string(100'000, 'x'))).size(), 700);
  EXPECT_EQ(BriefError(std::string(501, 'x')), "{\"error\":\"" + std::string(500, 'x') + "...\"}");
  // Cut in the middle of a character.
  EXPECT_EQ(BriefError(std::string(499, 'x') + "\xc3\xa4"),
            "{\"error\":\"" + std::string(499, 'x') + "\xef\xbf\xbd...\"}");
  const std::vector<v1::Fault> many(1000, Active("my-1"));
  const std::string lines = BriefFaults(many);
  EXPECT_TRUE(lines.starts_with("{\"faults\":1000,\"active\":1000}\n" + std::string(kActive)));
  EXPECT_LT(lines.size(), 2000);
}

TEST(Brief, ListAndRevertAllBeginWithTheCounts) {
  FakeDaemon daemon;
  EXPECT_EQ(daemon.Run("list --brief"), ExitCode::kDone);
  EXPECT_EQ(daemon.output.str(), "{\"faults\":0}\n");
  daemon.faults = {Active("my-1")};
  daemon.faults.push_back(daemon.faults[0]);
  daemon.faults[1].set_state(v1::FAULT_STATE_REVERTING);
  const std::string counts = "{\"faults\":2,\"active\":1,\"reverting\":1}\n" + std::string(kActive);
  EXPECT_EQ(daemon.Run("list --brief"), ExitCode::kDone);
  EXPECT_TRUE(daemon.output.str().starts_with(counts)) << daemon.output.str();
  EXPECT_EQ(daemon.Run("revert --all --brief"), ExitCode::kRevertIncomplete);
  EXPECT_TRUE(daemon.output.str().starts_with(counts)) << daemon.output.str();
}

}  // namespace
}  // namespace faultd::ctl

// Faults that are not to be seen at once, and that can end by themselves.
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kCpu[] = "cpu { load_percent: 50 }";

class EngineStressTest : public EngineFixture {};

TEST_F(EngineStressTest, IsPendingUntilItsProcessReports) {
  const auto answer = Inject("a", kCpu);
  EXPECT_FALSE(answer->has_value());
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_PENDING);
  EXPECT_TRUE(RecordOf("a")) << "the record comes before the process";
  host.loop.RunFor(milliseconds(10));
  ASSERT_TRUE(answer->has_value());
  ASSERT_TRUE((*answer)->ok()) << (*answer)->status();
  EXPECT_EQ((**answer)->state(), v1::FAULT_STATE_ACTIVE);
  EXPECT_EQ((**answer)->verification().detail(), "its stress process reports");
}

TEST_F(EngineStressTest, CanBeRevertedWhileItIsPending) {
  const HostSnapshot clean = host.Snapshot();
  const auto injected = Inject("a", kCpu);
  const auto reverted = Revert("a");
  host.loop.RunFor(seconds(1));
  ASSERT_TRUE(injected->has_value() && reverted->has_value());
  EXPECT_TRUE(absl::IsAborted((*injected)->status())) << (*injected)->status();
  EXPECT_TRUE((*reverted)->ok());
  EXPECT_EQ(host.Snapshot(), clean);
  EXPECT_EQ(host.loop.timers(), 0u);
}

TEST_F(EngineStressTest, FailsWhenItsProcessEnds) {
  const HostSnapshot clean = host.Snapshot();
  Inject("a", kCpu);
  Inject("b", kCpu);
  host.loop.RunFor(seconds(1));
  host.kernel.EndStress("a");
  host.loop.RunFor(seconds(2));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_FAILED);
  EXPECT_EQ(engine().Get("a")->error().message(), "the stress process ended by itself");
  EXPECT_EQ(StateOf("b"), v1::FAULT_STATE_ACTIVE);
  Revert("b");
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(host.Snapshot(), clean);
}

TEST_F(EngineStressTest, FailsWithTheErrorThatItsProcessReports) {
  const auto answer = Inject("a", kCpu);
  host.kernel.FailStress("a", absl::ResourceExhaustedError("start thread: Resource exhausted"));
  host.loop.RunFor(seconds(1));
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->status(),
            absl::ResourceExhaustedError(
                "inject cpu 50% on cores 0-3: start thread: Resource exhausted"));
  Inject("b", kCpu);
  host.loop.RunFor(seconds(1));
  host.kernel.FailStress("b", absl::ResourceExhaustedError("no space left after 5 of 9 bytes"));
  host.loop.RunFor(seconds(2));
  EXPECT_EQ(engine().Get("b")->error().message(), "no space left after 5 of 9 bytes");
}

TEST_F(EngineStressTest, RefusedPlanStartsNoProcess) {
  const HostSnapshot clean = host.Snapshot();
  const auto answer = Inject("a", "cpu { load_percent: 50 core_count: 9 }");
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE(absl::IsInvalidArgument((*answer)->status()));
  EXPECT_EQ(host.Snapshot(), clean);
}

}  // namespace
}  // namespace faultd

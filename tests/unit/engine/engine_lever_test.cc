// The safety lever: what it refuses and reverts, and how it survives.
#include "engine/safety_lever.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using std::chrono::seconds;

class EngineLeverTest : public EngineFixture {
 protected:
  void SetUp() override { Start(); }
  void Start() {
    lever.emplace(directory);
    engine().SetSafetyLever(&*lever);
  }
  void Restart() {
    host.Restart();
    Start();
  }
  std::shared_ptr<std::optional<v1::SafetyLever>> Engage(const std::string& reason) {
    auto answer = std::make_shared<std::optional<v1::SafetyLever>>();
    engine().EngageLever(reason, "uid=0(root)",
                         [answer](const v1::SafetyLever& state) { *answer = state; });
    return answer;
  }
  StatusOr<v1::SafetyLever> Release() {
    StatusOr<v1::SafetyLever> answer = absl::UnavailableError("no answer yet");
    engine().ReleaseLever("uid=0(root)", [&](StatusOr<v1::SafetyLever> state) { answer = state; });
    return answer;
  }

  FakeScript script;
  FakeDirectory directory{script};
  std::optional<SafetyLever> lever;
};

TEST_F(EngineLeverTest, RevertsAllAndAnswersOnceItIsGone) {
  Inject("a", kLatency);
  Inject("b", kNoop);
  const auto answer = Engage("db on fire");
  EXPECT_FALSE(IsHit("10.1.2.3"));
  EXPECT_FALSE(answer->has_value());
  host.loop.RunFor(seconds(1));
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE((*answer)->engaged());
  EXPECT_EQ((*answer)->reason(), "db on fire");
  EXPECT_EQ((*answer)->actor(), "uid=0(root)");
  EXPECT_EQ((*answer)->not_durable(), "");
  for (const char* id : {"a", "b"}) {
    const auto fault = engine().Get(id);
    ASSERT_TRUE(fault.ok());
    EXPECT_EQ(fault->state(), v1::FAULT_STATE_REVERTED);
    EXPECT_EQ(fault->end_reason(), v1::END_REASON_SAFETY_LEVER);
    EXPECT_EQ(fault->end_detail(), "db on fire (uid=0(root))");
  }
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineLeverTest, RefusesUntilItIsReleased) {
  Engage("db on fire");
  const auto refused = Inject("a", kNoop);
  ASSERT_TRUE(refused->has_value());
  const Status status = (*refused)->status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(DetailsOf(status).precondition_type, "LEVER");
  EXPECT_THAT(
      std::string(status.message()),
      testing::MatchesRegex("the safety lever is engaged since .+Z by uid=0\\(root\\): db on "
                            "fire; nothing is injected until it is released with `faultctl "
                            "lever release`, which takes the role admin"));
  ASSERT_TRUE(Release().ok());
  Inject("a", kNoop);
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_ACTIVE);
}

TEST_F(EngineLeverTest, RefusesRenewalsAndHoldsOfWhatIsStillBeingReverted) {
  Inject("a", kLatency);
  host.script.FailAll("");
  Engage("db on fire");
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTING);
  EXPECT_EQ(DetailsOf(Renew("a", seconds(60)).status()).precondition_type, "LEVER");
  EXPECT_EQ(DetailsOf(engine().Hold("a", "x")).precondition_type, "LEVER");
  host.script.Reset();
}

TEST_F(EngineLeverTest, StillPlans) {
  Engage("db on fire");
  v1::PlanFaultRequest request;
  *request.mutable_spec() = RequestFor("", kNoop).spec();
  bool planned = false;
  engine().Plan(request, [&](const StatusOr<v1::PlanFaultResponse>& plan) { planned = plan.ok(); });
  EXPECT_TRUE(planned);
}

TEST_F(EngineLeverTest, SurvivesACrashAndALossOfPowerUntilReleased) {
  Engage("db on fire");
  directory.LosePower();
  Restart();
  EXPECT_EQ(lever->state().reason(), "db on fire");
  EXPECT_TRUE(lever->state().has_engage_time());
  EXPECT_FALSE((*Inject("a", kNoop))->ok());
  ASSERT_TRUE(Release().ok());
  directory.LosePower();
  Restart();
  EXPECT_FALSE(lever->state().engaged());
}

TEST_F(EngineLeverTest, KeepsTheFirstReason) {
  Engage("db on fire");
  Engage("another");
  EXPECT_EQ(lever->state().reason(), "db on fire");
}

TEST_F(EngineLeverTest, RevertsAlthoughTheDiskIsFullAndSaysSo) {
  Inject("a", kLatency);
  script.SetError(ENOSPC);
  script.FailAll("write file");
  const auto answer = Engage("db on fire");
  host.loop.RunFor(seconds(1));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_REVERTED);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->not_durable(), "write file safety-lever.json: No space left on device");
  EXPECT_FALSE((*Inject("b", kNoop))->ok());
  // Once there is room, engaging again writes it.
  script.Reset();
  Engage("again");
  EXPECT_EQ(lever->state().not_durable(), "");
  Restart();
  EXPECT_EQ(lever->state().reason(), "db on fire");
}

TEST_F(EngineLeverTest, AFileThatCannotBeReadCountsAsEngaged) {
  directory.files()["safety-lever.json"] = "{\"engaged\":tr";
  Restart();
  EXPECT_EQ(lever->state().reason(),
            "the file safety-lever.json is there, but cannot be read: it is damaged");
  script.FailAll("read file");
  Restart();
  EXPECT_TRUE(lever->state().engaged());
  EXPECT_FALSE((*Inject("a", kNoop))->ok());
  script.Reset();
  ASSERT_TRUE(Release().ok());
  Restart();
  EXPECT_FALSE(lever->state().engaged());
}

TEST_F(EngineLeverTest, StaysEngagedWhenTheFileCannotBeRemoved) {
  Engage("db on fire");
  script.FailAll("remove file");
  EXPECT_EQ(Release().status().message(),
            "release the safety lever: remove file safety-lever.json: Input/output error");
  EXPECT_TRUE(lever->state().engaged());
}

TEST_F(EngineLeverTest, AnswersOnceItIsWrittenAndWaitsForNoDiskBefore) {
  Inject("a", kLatency);
  host.worker.Stall();
  const auto answer = Engage("db on fire");
  EXPECT_FALSE(IsHit("10.1.2.3"));
  EXPECT_FALSE((*Inject("b", kNoop))->ok());
  host.loop.RunFor(seconds(1));
  EXPECT_FALSE(answer->has_value());
  host.worker.LetGo();
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->not_durable(), "");
  EXPECT_TRUE(directory.files().contains("safety-lever.json"));
}

// The file must not be the older of the two wishes.
TEST_F(EngineLeverTest, EngagedWhileItsReleaseIsWrittenItStaysEngaged) {
  Engage("db on fire");
  host.worker.Stall();
  StatusOr<v1::SafetyLever> released = absl::UnavailableError("no answer yet");
  engine().ReleaseLever("x", [&](StatusOr<v1::SafetyLever> state) { released = state; });
  EXPECT_FALSE((*Inject("a", kNoop))->ok()) << "until it is written";
  Engage("no, wait");
  host.worker.LetGo();
  EXPECT_EQ(released.status(), absl::AbortedError("the safety lever was engaged again meanwhile"));
  EXPECT_TRUE(lever->state().engaged());
  EXPECT_EQ(lever->state().not_durable(), "");
  Restart();
  EXPECT_TRUE(lever->state().engaged());
}

TEST(LeverReasonTest, IsPrintableAndBounded) {
  EXPECT_TRUE(ValidateLeverReason("é").ok());
  EXPECT_TRUE(ValidateLeverReason(std::string(256, 'x')).ok());
  EXPECT_EQ(ValidateLeverReason("").message(),
            "reason: is missing; say in 1 to 256 printable bytes why nothing may be injected");
  for (const std::string& bad : {std::string(257, 'x'), std::string("a\nb"), std::string("\x7f")}) {
    EXPECT_EQ(ValidateLeverReason(bad).message(),
              "reason: is too long or not printable; say in 1 to 256 printable bytes why nothing "
              "may be injected");
  }
}

}  // namespace
}  // namespace faultd

// Names in faults: looked up at the start and again during the lease.
#include "base/strings.h"
#include "engine/engine.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class EngineNamesTest : public EngineFixture {
 protected:
  static constexpr char kSpec[] =
      R"(blackhole { target { to { host: "db.example" } to { host: "cdn.example" } } })";

  void SetUp() override {
    host.resolver.Set("db.example", {"10.0.0.1"});
    host.resolver.Set("cdn.example", {"10.9.0.1", "10.9.0.2"});
  }

  std::shared_ptr<Answer> Start() {
    v1::InjectFaultRequest request = RequestFor("a", kSpec);
    request.mutable_duration()->set_seconds(3600);
    auto answer = Inject(request);
    host.loop.RunReady();
    return answer;
  }

  std::vector<std::string> RecordedAddresses(int name) {
    const auto record = RecordOf("a");
    const auto& addresses = record->undo().blackhole().names(name).addresses();
    return {addresses.begin(), addresses.end()};
  }

  const seconds kInterval = std::chrono::duration_cast<seconds>(NameLookups{}.interval);
};

TEST_F(EngineNamesTest, FaultIsPendingUntilAllNamesAreKnown) {
  host.resolver.HoldAnswers();
  auto answer = Start();
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_PENDING);
  EXPECT_FALSE(RecordOf("a"));
  host.resolver.LetGo();
  host.loop.RunReady();
  EXPECT_EQ((**answer)->state(), v1::FAULT_STATE_ACTIVE);
  for (const char* address : {"10.0.0.1", "10.9.0.1", "10.9.0.2"}) EXPECT_TRUE(IsHit(address));
  EXPECT_FALSE(IsHit("10.0.0.2"));
  EXPECT_THAT(RecordedAddresses(0), ElementsAre("10.9.0.1", "10.9.0.2"));
  EXPECT_THAT(RecordedAddresses(1), ElementsAre("10.0.0.1"));
}

TEST_F(EngineNamesTest, NameThatDoesNotResolveIsAnError) {
  host.resolver.Fail("db.example", absl::DeadlineExceededError("no answer within 5s"));
  auto answer = Start();
  const Status status = (*answer)->status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "the name db.example does not resolve: no answer within 5s");
  EXPECT_EQ(DetailsOf(status).precondition_type, "NAME");
  EXPECT_EQ(DetailsOf(status).precondition_subject, "db.example");
  EXPECT_THAT(engine().List(true), IsEmpty());
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineNamesTest, AllNamesThatDoNotResolveAreNamed) {
  host.resolver.Fail("db.example", absl::NotFoundError("no such name"));
  host.resolver.Fail("cdn.example", absl::NotFoundError("no such name"));
  EXPECT_EQ((*Start())->status().message(),
            "the name cdn.example does not resolve: no such name; the name db.example does not "
            "resolve: no such name");
}

TEST_F(EngineNamesTest, NewAddressesAreAddedWithoutAGap) {
  Start();
  host.resolver.Set("db.example", {"10.0.0.2"});
  host.script.Reset();
  host.loop.RunFor(kInterval);
  EXPECT_TRUE(IsHit("10.0.0.2"));
  EXPECT_TRUE(IsHit("10.0.0.1")) << "the old address has its grace";
  EXPECT_EQ(host.script.Count("apply steering"), 1u) << "one transaction";
  EXPECT_EQ(host.script.Count("create link"), 0u);
  EXPECT_THAT(RecordedAddresses(1), ElementsAre("10.0.0.1", "10.0.0.2"));
}

TEST_F(EngineNamesTest, RecordHasTheNewAddressesFirst) {
  Start();
  host.resolver.Set("db.example", {"10.0.0.2"});
  host.script.Reset();
  host.loop.RunFor(kInterval);
  const auto& log = host.script.log();
  EXPECT_LT(std::find(log.begin(), log.end(), "sync file a.record"),
            std::find(log.begin(), log.end(), "apply steering with 1 chain"));
}

TEST_F(EngineNamesTest, OldAddressesGoAfterTheirGrace) {
  Start();
  host.resolver.Set("db.example", {"10.0.0.2"});
  host.loop.RunFor(NameLookups{}.grace);
  EXPECT_TRUE(IsHit("10.0.0.1"));
  host.loop.RunFor(kInterval);
  EXPECT_FALSE(IsHit("10.0.0.1"));
  EXPECT_TRUE(IsHit("10.0.0.2"));
  EXPECT_THAT(RecordedAddresses(1), ElementsAre("10.0.0.2"));
}

TEST_F(EngineNamesTest, AddressThatComesBackStays) {
  Start();
  for (int i = 0; i < 20; ++i) {
    host.resolver.Set("db.example", {i % 2 == 0 ? "10.0.0.2" : "10.0.0.1"});
    host.loop.RunFor(kInterval);
    EXPECT_TRUE(IsHit("10.0.0.1"));
  }
}

TEST_F(EngineNamesTest, FailedLookupKeepsTheAddresses) {
  Start();
  host.resolver.Fail("db.example", absl::UnavailableError("no resolver"));
  host.script.Reset();
  host.loop.RunFor(20 * kInterval);
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_ACTIVE);
  EXPECT_TRUE(IsHit("10.0.0.1"));
  EXPECT_EQ(host.script.Count("apply steering"), 0u);
  host.resolver.Set("db.example", {"10.0.0.2"});
  host.loop.RunFor(kInterval);
  EXPECT_TRUE(IsHit("10.0.0.2")) << "it goes on trying";
}

TEST_F(EngineNamesTest, SameAddressesChangeNothing) {
  Start();
  host.script.Reset();
  host.loop.RunFor(10 * kInterval);
  EXPECT_EQ(host.script.Count("apply steering"), 0u);
  EXPECT_EQ(host.script.Count("write file"), 0u);
}

TEST_F(EngineNamesTest, ChangeThatFailsIsTriedAtTheNextLookup) {
  Start();
  host.resolver.Set("db.example", {"10.0.0.2"});
  host.script.FailAll("apply steering");
  host.loop.RunFor(kInterval);
  host.script.Reset();
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_ACTIVE);
  EXPECT_TRUE(IsHit("10.0.0.1"));
  EXPECT_FALSE(IsHit("10.0.0.2"));
  host.loop.RunFor(kInterval);
  EXPECT_TRUE(IsHit("10.0.0.1"));
  EXPECT_TRUE(IsHit("10.0.0.2"));
}

TEST_F(EngineNamesTest, CidrsComeAndGoLikeAddresses) {
  host.resolver.Set("db.example", {"10.0.16.0/20"});
  Start();
  EXPECT_TRUE(IsHit("10.0.31.255"));
  EXPECT_FALSE(IsHit("10.0.32.0"));
  host.resolver.Set("db.example", {"10.0.32.0/20"});
  host.loop.RunFor(kInterval);
  EXPECT_THAT(RecordedAddresses(1), ElementsAre("10.0.16.0/20", "10.0.32.0/20"));
  EXPECT_TRUE(IsHit("10.0.32.0"));
  EXPECT_TRUE(IsHit("10.0.31.255")) << "it has its grace";
  host.loop.RunFor(NameLookups{}.grace);
  EXPECT_FALSE(IsHit("10.0.31.255"));
  EXPECT_TRUE(IsHit("10.0.32.0"));
}

TEST_F(EngineNamesTest, LookupsEndWithTheFault) {
  Start();
  Revert("a");
  host.loop.RunFor(seconds(1));
  const size_t lookups = host.resolver.lookups();
  host.loop.RunFor(10 * kInterval);
  EXPECT_EQ(host.resolver.lookups(), lookups);
  EXPECT_EQ(host.loop.timers(), 0u);
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineNamesTest, AnswerAfterTheEndOfTheFaultChangesNothing) {
  Start();
  host.resolver.Set("db.example", {"10.0.0.2"});
  host.resolver.HoldAnswers();
  host.loop.RunFor(kInterval);
  Revert("a");
  host.loop.RunFor(seconds(1));
  host.resolver.LetGo();
  host.loop.RunFor(kInterval);
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ(host.loop.timers(), 0u);
}

TEST_F(EngineNamesTest, AnswerAfterTheEndOfTheEngineChangesNothing) {
  host.resolver.HoldAnswers();
  Start();
  host.Restart();
  host.resolver.LetGo();
  host.loop.RunFor(kInterval);
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineNamesTest, FaultWithoutNamesLooksNothingUp) {
  Inject("b", kLatency);
  host.loop.RunFor(2 * kInterval);
  EXPECT_EQ(host.resolver.lookups(), 0u);
}

}  // namespace
}  // namespace faultd

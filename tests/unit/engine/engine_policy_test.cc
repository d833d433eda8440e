// What the policy of the host refuses, and how it says so.
#include "base/strings.h"
#include "engine/engine.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class EnginePolicyTest : public EngineFixture {
 protected:
  static constexpr char kAllTraffic[] = "blackhole { target { all_traffic: true } }";

  Status InjectFor(const std::string& id, const std::string& spec, seconds lease) {
    v1::InjectFaultRequest request = RequestFor(id, spec);
    request.mutable_duration()->set_seconds(lease.count());
    auto answer = Inject(request);
    host.loop.RunReady();
    return (*answer)->status();
  }
  StatusOr<v1::PlanFaultResponse> Plan(const std::string& spec, seconds lease) {
    v1::PlanFaultRequest request;
    *request.mutable_spec() = SpecFromText(spec);
    request.mutable_duration()->set_seconds(lease.count());
    StatusOr<v1::PlanFaultResponse> answer = absl::UnknownError("no answer");
    engine().Plan(request, [&](StatusOr<v1::PlanFaultResponse> plan) { answer = std::move(plan); });
    host.loop.RunReady();
    return answer;
  }
  void TurnWallClockTo(const char* text) {
    absl::Time time;
    std::string error;
    ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
    host.clock.StepWallClock(absl::ToChronoNanoseconds(time - absl::UnixEpoch()) -
                             host.clock.WallNow());
  }
  static void ExpectDenied(const Status& status, std::string_view rule, std::string_view message) {
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(DetailsOf(status).rule, rule);
    EXPECT_EQ(ToStd(status.message()), message);
  }
};

TEST_F(EnginePolicyTest, Kinds) {
  engine().SetPolicy({.kinds = std::vector<std::string>{"latency", "loss"}});
  constexpr char kMessage[] =
      "faults of kind blackhole are not allowed on this host (rule faults.kinds: latency, loss); "
      "use one of these kinds";
  ExpectDenied(InjectFor("a", kBlackhole, seconds(10)), "faults.kinds", kMessage);
  ExpectDenied(Plan(kBlackhole, seconds(10)).status(), "faults.kinds", kMessage);
  EXPECT_EQ(InjectFor("b", kLatency, seconds(10)), absl::OkStatus());
  engine().SetPolicy({.kinds = std::vector<std::string>()});
  ExpectDenied(Renew("b", seconds(10)).status(), "faults.kinds",
               "faults of kind latency are not allowed on this host (rule faults.kinds: none); use "
               "another host");
}

TEST_F(EnginePolicyTest, LongestLease) {
  constexpr char kMessage[] =
      "duration: 12h1s is longer than this host allows (rule faults.max_lease: 12h); ask for 12h "
      "at most";
  ExpectDenied(InjectFor("a", kNoop, hours(12) + seconds(1)), "faults.max_lease", kMessage);
  ExpectDenied(Plan(kNoop, hours(12) + seconds(1)).status(), "faults.max_lease", kMessage);
  EXPECT_EQ(InjectFor("a", kNoop, hours(12)), absl::OkStatus());
  ExpectDenied(Renew("a", hours(12) + seconds(1)).status(), "faults.max_lease", kMessage);
}

TEST_F(EnginePolicyTest, LongestLeaseForAllTraffic) {
  constexpr char kMessage[] =
      "duration: 5m1s is longer than this host allows for all traffic (rule "
      "faults.max_lease_all_traffic: 5m); ask for 5m at most, or name the endpoints to hit";
  ExpectDenied(InjectFor("a", kAllTraffic, seconds(301)), "faults.max_lease_all_traffic", kMessage);
  ExpectDenied(Plan(kAllTraffic, seconds(301)).status(), "faults.max_lease_all_traffic", kMessage);
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ(InjectFor("b", kAllTraffic, minutes(5)), absl::OkStatus());
  ExpectDenied(Renew("b", seconds(301)).status(), "faults.max_lease_all_traffic", kMessage);
}

TEST_F(EnginePolicyTest, NearlyAllAddressesAreAllTraffic) {
  auto inject = [this, n = 0](const std::string& target) mutable {
    const Status status =
        InjectFor(StrCat("f", n++), StrCat("blackhole { target { ", target, " } }"), minutes(6));
    return DetailsOf(status).rule;
  };
  for (const char* target :
       {R"(to { host: "0.0.0.0/0" })", R"(to { host: "::/0" } except { host: "::1" })",
        R"(to { host: "2000::/3" })", R"(to { host: "0.0.0.0/4" } to { host: "64.0.0.0/4" })",
        "to { protocol: PROTOCOL_UDP }"}) {
    EXPECT_EQ(inject(target), "faults.max_lease_all_traffic") << target;
  }
  for (const char* target : {R"(to { host: "10.0.0.0/8" })", "to { ports { first: 5432 } }",
                             "to { protocol: PROTOCOL_ICMP }"}) {
    EXPECT_EQ(inject(target), "") << target;
  }
}

TEST_F(EnginePolicyTest, MostActiveFaults) {
  engine().SetPolicy({.max_active = 2});
  EXPECT_EQ(InjectFor("a", kNoop, seconds(10)), absl::OkStatus());
  EXPECT_EQ(InjectFor("b", kNoop, seconds(10)), absl::OkStatus());
  ExpectDenied(
      InjectFor("c", kNoop, seconds(10)), "faults.max_active",
      "there are 2 active faults, as many as this host allows (rule faults.max_active: 2); "
      "revert some of them first");
  EXPECT_EQ(InjectFor("a", kNoop, seconds(10)), absl::OkStatus()) << "a repetition is no new fault";
  Revert("a");
  EXPECT_EQ(InjectFor("c", kNoop, seconds(10)), absl::OkStatus());
}

TEST_F(EnginePolicyTest, MostActiveFaultsOfAKind) {
  engine().SetPolicy({.max_active_per_kind = {{"latency", 1}}});
  EXPECT_EQ(InjectFor("a", kLatency, seconds(10)), absl::OkStatus());
  EXPECT_EQ(InjectFor("b", kNoop, seconds(10)), absl::OkStatus());
  ExpectDenied(InjectFor("c", kLatency, seconds(10)), "faults.max_active_per_kind",
               "of kind latency there are 1 active faults, as many as this host allows (rule "
               "faults.max_active_per_kind: latency = 1); revert some of them first");
  Revert("a");
  host.loop.RunFor(seconds(2));
  EXPECT_EQ(InjectFor("c", kLatency, seconds(10)), absl::OkStatus());
}

TEST_F(EnginePolicyTest, DryRunOnly) {
  EXPECT_EQ(InjectFor("a", kNoop, seconds(10)), absl::OkStatus());
  engine().SetPolicy({.dry_run_only = true});
  constexpr char kMessage[] =
      "this host plans faults and makes none (rule faults.dry_run_only: true); ask for a dry run";
  ExpectDenied(InjectFor("b", kNoop, seconds(10)), "faults.dry_run_only", kMessage);
  ExpectDenied(Renew("a", seconds(10)).status(), "faults.dry_run_only", kMessage);
  auto plan = Plan(kNoop, seconds(10));
  ASSERT_EQ(plan.status(), absl::OkStatus());
  EXPECT_THAT(plan->warnings(), ElementsAre(kMessage));
}

TEST_F(EnginePolicyTest, WindowsBoundTheEndToo) {
  engine().SetPolicy({.windows = {*TimeWindow::Parse("Mon-Fri 09:00-16:00 Europe/Paris"),
                                  *TimeWindow::Parse("Sat 10:00-12:00 UTC")}});
  constexpr char kOutside[] =
      "this is not a time at which this host allows faults (rule faults.windows: Mon-Fri "
      "09:00-16:00 Europe/Paris, Sat 10:00-12:00 UTC); try again then";
  TurnWallClockTo("2026-03-27T08:59:00+01:00");
  ExpectDenied(InjectFor("a", kNoop, seconds(10)), "faults.windows", kOutside);
  ExpectDenied(Plan(kNoop, seconds(10)).status(), "faults.windows", kOutside);
  TurnWallClockTo("2026-03-27T15:30:00+01:00");
  constexpr char kTooLong[] =
      "duration: 30m1s goes on after the time at which this host allows faults (rule "
      "faults.windows: Mon-Fri 09:00-16:00 Europe/Paris, Sat 10:00-12:00 UTC); ask for 30m at most";
  ExpectDenied(InjectFor("a", kNoop, seconds(1801)), "faults.windows", kTooLong);
  EXPECT_EQ(InjectFor("a", kNoop, seconds(1800)), absl::OkStatus());
  ExpectDenied(Renew("a", seconds(1801)).status(), "faults.windows", kTooLong);
  v1::PlanFaultRequest without_lease;
  *without_lease.mutable_spec() = SpecFromText(kNoop);
  engine().Plan(without_lease,
                [](const auto& plan) { EXPECT_EQ(plan.status(), absl::OkStatus()); });
}

TEST_F(EnginePolicyTest, WindowsFollowSummerTime) {
  engine().SetPolicy({.windows = {*TimeWindow::Parse("Mon-Fri 09:00-16:00 Europe/Paris")}});
  TurnWallClockTo("2026-03-27T07:30:00Z");  // 08:30 in Paris
  EXPECT_EQ(DetailsOf(InjectFor("a", kNoop, seconds(10))).rule, "faults.windows");
  TurnWallClockTo("2026-03-30T07:30:00Z");  // 09:30, after the change
  EXPECT_EQ(InjectFor("a", kNoop, seconds(10)), absl::OkStatus());
}

TEST_F(EnginePolicyTest, LeaseOfAnActiveFaultDoesNotChangeWithThePolicy) {
  EXPECT_EQ(InjectFor("a", kBlackhole, hours(2)), absl::OkStatus());
  engine().SetPolicy({.kinds = std::vector<std::string>(), .max_lease = minutes(1)});
  host.loop.RunFor(hours(1));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_ACTIVE);
}

class EnginePolicyNamesTest : public EnginePolicyTest {
 protected:
  static constexpr char kName[] = R"(blackhole { target { to { host: "db.example" } } })";

  void SetUp() override {
    v1::Endpoint denied;
    denied.set_host("10.0.1.0/24");
    engine().SetPolicy({.network = {.deny = {denied}}});
  }
};

TEST_F(EnginePolicyNamesTest, NameWithADeniedAddressIsRefused) {
  host.resolver.Set("db.example", {"10.0.0.1", "10.0.1.7"});
  ExpectDenied(InjectFor("a", kName, seconds(60)), "network.deny",
               "db.example has packets of 10.0.1.7 that this host's policy denies (rule "
               "network.deny: 10.0.1.0/24); leave them out, or name them in `except`");
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_THAT(engine().List(false), IsEmpty());
}

TEST_F(EnginePolicyNamesTest, DeniedAddressIsNotAddedLater) {
  host.resolver.Set("db.example", {"10.0.0.1"});
  ASSERT_EQ(InjectFor("a", kName, minutes(10)), absl::OkStatus());
  host.resolver.Set("db.example", {"10.0.1.7"});
  host.loop.RunFor(NameLookups{}.interval);
  EXPECT_TRUE(IsHit("10.0.0.1"));
  EXPECT_FALSE(IsHit("10.0.1.7"));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_ACTIVE);
  EXPECT_THAT(RecordOf("a")->undo().blackhole().names(0).addresses(), ElementsAre("10.0.0.1"));
}

}  // namespace
}  // namespace faultd

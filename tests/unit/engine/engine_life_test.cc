// From the request to ACTIVE, and what is told about it.
#include <algorithm>
#include <functional>
#include <map>

#include "base/strings.h"
#include "engine/engine.h"
#include "google/protobuf/util/message_differencer.h"
#include "support/engine_fixture.h"

namespace faultd {
namespace {

using google::protobuf::util::MessageDifferencer;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::IsEmpty;
using testing::Le;
using testing::SizeIs;

class EngineLifeTest : public EngineFixture {};

TEST_F(EngineLifeTest, StatesComeInOrder) {
  std::vector<v1::FaultState> states;
  const auto watch =
      engine().Watch([&](const v1::Fault& fault) { states.push_back(fault.state()); });
  Inject("a", kLatency);
  EXPECT_THAT(states, ElementsAre(v1::FAULT_STATE_PENDING, v1::FAULT_STATE_ACTIVE));
  host.loop.RunFor(minutes(2));
  EXPECT_THAT(states, ElementsAre(v1::FAULT_STATE_PENDING, v1::FAULT_STATE_ACTIVE,
                                  v1::FAULT_STATE_REVERTING, v1::FAULT_STATE_REVERTED));
  engine().Unwatch(watch);
  Inject("b", kNoop);
  EXPECT_THAT(states, SizeIs(4));
}

TEST_F(EngineLifeTest, CountOfActiveFaultsIsTold) {
  std::vector<size_t> counts;
  engine().WatchCount([&](size_t active) { counts.push_back(active); });
  Inject("a", kNoop);
  Inject("b", kLatency);
  Revert("b");
  host.loop.RunFor(minutes(2));
  EXPECT_THAT(counts, ElementsAre(1, 2, 1, 0));
}

// gRPC frees a request when it is answered, in a thread of its own.
TEST_F(EngineLifeTest, ARepeatedRequestMayBeGoneOnceItIsAnswered) {
  Inject("a", kLatency);
  v1::InjectFaultRequest request = RequestFor("a", kLatency);
  const std::string id = engine().Inject(request, {"root", "user:0", Role::kAdmin},
                                         [&](const StatusOr<v1::Fault>& fault) {
                                           EXPECT_TRUE(fault.ok()) << fault.status();
                                           request.Clear();
                                         });
  EXPECT_EQ(id, "a");
}

TEST_F(EngineLifeTest, FaultTellsAllAboutItself) {
  v1::InjectFaultRequest request = RequestFor("a", kLatency);
  (*request.mutable_labels())["team"] = "db";
  auto answer = Inject(request);
  ASSERT_TRUE(answer->has_value());
  ASSERT_EQ((*answer)->status(), absl::OkStatus());
  const v1::Fault& fault = ***answer;
  EXPECT_EQ(fault.id(), "a");
  EXPECT_TRUE(MessageDifferencer::Equals(fault.spec(), request.spec()));
  EXPECT_EQ(fault.state(), v1::FAULT_STATE_ACTIVE);
  EXPECT_EQ(fault.actor(), "uid=0(root)");
  EXPECT_EQ(fault.labels().at("team"), "db");
  EXPECT_EQ(fault.summary(), "latency 100ms to 10.0.0.0/8, egress of eth0");
  EXPECT_EQ(fault.verification().detail(), "1 rule in nftables, netem on faultd0");
  const int64_t now = host.clock.WallNow() / seconds(1);
  EXPECT_EQ(fault.create_time().seconds(), now);
  EXPECT_EQ(fault.active_time().seconds(), now);
  EXPECT_EQ(fault.verification().check_time().seconds(), now);
  EXPECT_EQ(fault.lease().duration().seconds(), 60);
  EXPECT_EQ(fault.lease().remaining().seconds(), 60);
  EXPECT_EQ(fault.lease().deadline().seconds(), now + 60);
  EXPECT_TRUE(fault.lease().renewable());
  EXPECT_FALSE(fault.has_end_time());
  EXPECT_FALSE(fault.has_error());
}

TEST_F(EngineLifeTest, FaultThatIsOverSaysWhyAndWhen) {
  Inject("a", kLatency);
  host.loop.RunFor(minutes(2));
  auto fault = engine().Get("a");
  ASSERT_TRUE(fault.ok());
  EXPECT_EQ(fault->state(), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(fault->end_reason(), v1::END_REASON_LEASE_ENDED);
  EXPECT_GE(fault->end_time().seconds(), fault->active_time().seconds() + 60);
  EXPECT_TRUE(fault->has_effect()) << "its last figures";
  EXPECT_FALSE(fault->lease().has_remaining());
  EXPECT_FALSE(fault->has_error());
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ(host.loop.timers(), 0u) << "nothing wakes the daemon up when no fault is active";
}

TEST_F(EngineLifeTest, RecordIsWrittenBeforeTheHostIsChanged) {
  Inject("a", kLatency);
  const auto& log = host.script.log();
  const auto synced = std::find(log.begin(), log.end(), "sync file a.record");
  const auto created = std::find(log.begin(), log.end(), "create link faultd0");
  ASSERT_NE(created, log.end());
  EXPECT_LT(synced, created);
  const auto record = RecordOf("a");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->boot_id(), "boot-1");
  EXPECT_EQ(record->deadline_boottime_ns(), (host.clock.Now() + seconds(60)).count());
  EXPECT_EQ(record->actor(), "uid=0(root)");
  EXPECT_EQ(KindOf(record->undo())->name, "latency");
}

TEST_F(EngineLifeTest, EffectIsMeasuredWhenAskedFor) {
  Inject("a", kLatency);
  host.kernel.Send("eth0", Direction::kEgress, {*IpAddress::Parse("10.0.0.1")}, 5, 500);
  auto fault = engine().Get("a");
  EXPECT_EQ(fault->effect().latency().packets_matched(), 5u);
  EXPECT_EQ(fault->effect().measure_time().seconds(), host.clock.WallNow() / seconds(1));
}

TEST_F(EngineLifeTest, ActiveFaultIsCheckedEveryFewSeconds) {
  Inject("a", kLatency);
  host.kernel.Send("eth0", Direction::kEgress, {*IpAddress::Parse("10.0.0.1")}, 5, 500);
  EXPECT_EQ(engine().List(false).at(0).effect().latency().packets_matched(), 0u);
  host.loop.RunFor(seconds(5));
  const v1::Fault fault = engine().List(false).at(0);
  EXPECT_EQ(fault.effect().latency().packets_matched(), 5u);
  EXPECT_EQ(fault.verification().check_time().seconds(), host.clock.WallNow() / seconds(1));
}

TEST_F(EngineLifeTest, FaultThatTheKernelHasLostFails) {
  Inject("a", kLatency);
  host.kernel.Crash();  // somebody removed the table
  host.loop.RunFor(seconds(5) + seconds(1));
  auto fault = engine().Get("a");
  EXPECT_EQ(fault->state(), v1::FAULT_STATE_FAILED);
  EXPECT_EQ(fault->end_reason(), v1::END_REASON_ERROR);
  EXPECT_EQ(fault->error().code(), static_cast<int>(absl::StatusCode::kDataLoss));
  EXPECT_EQ(fault->error().message(), "the rules of fault a are gone from the kernel");
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ(host.loop.timers(), 0u);
}

TEST_F(EngineLifeTest, BadRequestLeavesNothingBehind) {
  auto answer = Inject("a", "noop { }");
  v1::InjectFaultRequest request = RequestFor("b", kNoop);
  request.clear_duration();
  EXPECT_EQ(engine().Inject(request, {.actor = "me"}, [](StatusOr<v1::Fault>) {}), "");
  EXPECT_THAT(engine().List(true), SizeIs(1));
}

TEST_F(EngineLifeTest, FailedPlanLeavesNothingBehind) {
  auto answer = Inject("a", R"(blackhole { target { all_traffic: true interfaces: "eth7" } })");
  EXPECT_EQ((*answer)->status().message(), "there is no interface eth7; `ip link` lists them");
  EXPECT_THAT(engine().List(true), IsEmpty());
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_EQ((*Inject("a", kBlackhole))->status(), absl::OkStatus()) << "the id is free again";
}

TEST_F(EngineLifeTest, FailedInjectionIsPutBackAndRemembered) {
  host.script.FailAll("set netem");
  auto answer = Inject("a", kLatency);
  EXPECT_FALSE(answer->has_value()) << "not before it is seen gone";
  host.loop.RunFor(seconds(1));
  ASSERT_TRUE(answer->has_value());
  const std::string message =
      "inject latency 100ms to 10.0.0.0/8, egress of eth0: set netem on 3: Input/output error";
  EXPECT_EQ((*answer)->status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ((*answer)->status().message(), message);
  EXPECT_EQ(host.Snapshot(), before);
  auto fault = engine().Get("a");
  EXPECT_EQ(fault->state(), v1::FAULT_STATE_FAILED);
  EXPECT_EQ(fault->error().message(), message);
  EXPECT_FALSE(fault->has_active_time());
  EXPECT_EQ(engine().active_count(), 0u);
}

TEST_F(EngineLifeTest, MissingNetemIsAPreconditionOfTheClient) {
  host.kernel.RemoveNetem();
  auto answer = Inject("a", kLatency);
  host.loop.RunFor(seconds(1));
  const Status status = (*answer)->status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "inject latency 100ms to 10.0.0.0/8, egress of eth0: kernel module sch_netem is "
            "missing: install some-package");
  EXPECT_EQ(DetailsOf(status).precondition_type, "MODULE");
}

// A record that is written, but not synced, is there: it would make the guardian think that the
// daemon hangs.
TEST_F(EngineLifeTest, WithoutARecordNothingIsInjected) {
  for (const char* call : {"write file", "sync file"}) {
    SCOPED_TRACE(call);
    host.script.Reset();
    host.script.SetError(ENOSPC);
    host.script.FailAt(4 + (std::string(call) == "sync file" ? 1 : 0) - 1);
    auto answer = Inject("a", kLatency);
    ASSERT_TRUE(answer->has_value());
    EXPECT_EQ((*answer)->status().message(),
              StrCat("write undo record of a: ", call, " a.record: No space left on device"));
    EXPECT_EQ(host.Snapshot(), before);
    EXPECT_EQ(host.script.Count("create link"), 0u);
    EXPECT_THAT(engine().List(true), IsEmpty());
  }
  host.script.Reset();
  EXPECT_EQ((*Inject("a", kBlackhole))->status(), absl::OkStatus()) << "the id is free again";
}

TEST_F(EngineLifeTest, ReadOnlyDiskIsAnAnswer) {
  host.script.SetError(EROFS);
  host.script.FailAll("write file");
  host.script.FailAll("remove file");
  auto answer = Inject("a", kLatency);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->status().message(),
            "write undo record of a: write file a.record: Read-only file system");
}

TEST_F(EngineLifeTest, SameRequestIsTheSameFault) {
  Inject("a", kLatency);
  host.loop.RunFor(seconds(10));
  host.script.Reset();
  auto again = Inject("a", kLatency);
  ASSERT_TRUE(again->has_value());
  EXPECT_EQ((**again)->state(), v1::FAULT_STATE_ACTIVE);
  EXPECT_EQ((**again)->lease().remaining().seconds(), 50);
  EXPECT_EQ(host.script.calls(), 0u);
  EXPECT_THAT(engine().List(true), SizeIs(1));
}

TEST_F(EngineLifeTest, OtherRequestUnderTheSameIdIsRefused) {
  Inject("a", kLatency);
  auto other = Inject("a", kBlackhole);
  EXPECT_EQ((*other)->status(),
            absl::AlreadyExistsError("fault a exists and was asked for otherwise; choose another "
                                     "id, or repeat the same request"));
  EXPECT_EQ(StateOf("a"), v1::FAULT_STATE_ACTIVE);
}

TEST_F(EngineLifeTest, RequestThatDiffersInAnyFieldIsAnother) {
  using Request = v1::InjectFaultRequest;
  const std::map<std::string, std::function<void(Request&)>> changes = {
      {"spec", [](Request& request) { *request.mutable_spec() = SpecFromText(kBlackhole); }},
      {"duration", [](Request& request) { request.mutable_duration()->set_seconds(61); }},
      {"labels", [](Request& request) { (*request.mutable_labels())["team"] = "payments"; }},
      {"not_renewable", [](Request& request) { request.set_not_renewable(true); }},
      {"guards", [](Request& request) { request.add_guards()->mutable_file()->set_path("/stop"); }},
  };
  Inject("a", kLatency);
  const auto& fields = *Request::descriptor();
  for (int i = 0; i < fields.field_count(); ++i) {
    const std::string& field = fields.field(i)->name();
    if (field == "id") continue;
    Request other = RequestFor("a", kLatency);
    changes.at(field)(other);
    EXPECT_TRUE(absl::IsAlreadyExists((*Inject(other))->status())) << field;
  }
}

TEST_F(EngineLifeTest, RepeatedWhilePendingBothAreAnswered) {
  host.resolver.Set("db.example", {"10.0.0.1"});
  const std::string spec = R"(blackhole { target { to { host: "db.example" } } })";
  auto first = Inject("a", spec);
  auto second = Inject("a", spec);
  EXPECT_FALSE(first->has_value() || second->has_value());
  host.loop.RunReady();
  ASSERT_TRUE(first->has_value() && second->has_value());
  EXPECT_EQ((**first)->state(), v1::FAULT_STATE_ACTIVE);
  EXPECT_EQ((**second)->state(), v1::FAULT_STATE_ACTIVE);
}

TEST_F(EngineLifeTest, RepeatedAfterTheEndTellsOfTheEnd) {
  Inject("a", kLatency);
  host.loop.RunFor(minutes(2));
  auto again = Inject("a", kLatency);
  EXPECT_EQ((**again)->state(), v1::FAULT_STATE_REVERTED);
  EXPECT_EQ(host.Snapshot(), before);
}

TEST_F(EngineLifeTest, RepeatedAfterFailureTellsTheFailure) {
  host.script.FailAll("set netem");
  Inject("a", kLatency);
  host.loop.RunFor(seconds(1));
  host.script.Reset();
  auto again = Inject("a", kLatency);
  EXPECT_EQ((*again)->status().message(),
            "inject latency 100ms to 10.0.0.0/8, egress of eth0: set netem on 3: Input/output "
            "error");
}

// It was answered at once, with a fault that looked as if it had been active.
TEST_F(EngineLifeTest, RepeatedWhileAFailureIsPutBackTellsTheFailure) {
  host.script.FailAll("set netem");
  Inject("a", kLatency);
  auto again = Inject("a", kLatency);
  EXPECT_FALSE(again->has_value());
  host.loop.RunFor(seconds(1));
  ASSERT_TRUE(again->has_value());
  EXPECT_EQ((*again)->status().code(), absl::StatusCode::kInternal);
}

TEST_F(EngineLifeTest, DaemonChoosesIdsWhenTheClientDoesNot) {
  auto first = Inject("", kNoop);
  auto second = Inject("", kNoop);
  EXPECT_NE((**first)->id(), (**second)->id());
  EXPECT_EQ(ValidateId((**first)->id()), absl::OkStatus());
}

TEST_F(EngineLifeTest, UnknownIdsAreNotFound) {
  const Status expected =
      absl::NotFoundError("there is no fault x; `faultctl list` shows those there are");
  EXPECT_EQ(engine().Get("x").status(), expected);
  EXPECT_EQ((*Revert("x"))->status(), expected);
  EXPECT_EQ(Renew("x", seconds(5)).status(), expected);
  EXPECT_EQ(engine().Hold("x", "me"), expected);
}

TEST_F(EngineLifeTest, ListIsInTheOrderOfCreation) {
  for (const char* id : {"z", "a", "m"}) Inject(id, kNoop);
  Revert("a");
  const auto ids = [](const std::vector<v1::Fault>& faults) {
    std::vector<std::string> all(faults.size());
    std::ranges::transform(faults, all.begin(), &v1::Fault::id);
    return all;
  };
  EXPECT_THAT(ids(engine().List(false)), ElementsAre("z", "m"));
  EXPECT_THAT(ids(engine().List(true)), ElementsAre("z", "a", "m"));
}

TEST_F(EngineLifeTest, FaultsThatAreOverAreForgottenAfterAnHour) {
  Inject("old", kNoop);
  Revert("old");
  host.loop.RunFor(minutes(59));
  Inject("new", kNoop);
  Revert("new");
  EXPECT_THAT(engine().List(true), SizeIs(2));
  host.loop.RunFor(minutes(2));
  Inject("newer", kNoop);
  Revert("newer");
  EXPECT_EQ(StateOf("old"), v1::FAULT_STATE_UNSPECIFIED);
  EXPECT_THAT(engine().List(true), SizeIs(2));
}

TEST_F(EngineLifeTest, TheLastThousandThatAreOverAreKept) {
  for (int i = 0; i < 1005; ++i) {
    Inject(StrCat("f", i), kNoop);
    Revert(StrCat("f", i));
  }
  const auto faults = engine().List(true);
  ASSERT_THAT(faults, SizeIs(1000));
  EXPECT_EQ(faults.front().id(), "f5") << "the oldest go first, though all ended in one instant";
}

// As large as a request can be, but for its names; the addresses are others for each number.
v1::InjectFaultRequest LargeRequest(int number) {
  v1::InjectFaultRequest request = RequestFor(StrCat("large-", number), "blackhole {}");
  v1::NetworkTarget& target = *request.mutable_spec()->mutable_blackhole()->mutable_target();
  for (int i = 0; i < 20'000; ++i)
    target.add_to()->set_host(StrCat(10 + number, ".", i >> 8, ".", i & 255, ".0/25"));
  return request;
}

TEST_F(EngineLifeTest, ActiveFaultsTakeBoundedMemory) {
  int accepted = 0;
  std::shared_ptr<Answer> answer;
  for (; accepted < 20; ++accepted) {
    answer = Inject(LargeRequest(accepted));
    if (!(*answer)->ok()) break;
  }
  EXPECT_THAT(accepted, AllOf(Ge(3), Le(9)));
  EXPECT_TRUE(absl::IsResourceExhausted((*answer)->status())) << (*answer)->status();
  EXPECT_THAT(engine().List(true), SizeIs(accepted));
  Inject("small", kNoop);
  EXPECT_EQ(StateOf("small"), v1::FAULT_STATE_ACTIVE);
  Revert("large-0");
  host.loop.RunFor(seconds(2));
  EXPECT_TRUE((*Inject(LargeRequest(accepted)))->ok());
}

TEST_F(EngineLifeTest, FaultsThatAreOverTakeBoundedMemory) {
  for (int i = 0; i < 10; ++i) {
    Inject(LargeRequest(i));
    Revert(StrCat("large-", i));
    host.loop.RunFor(seconds(2));
  }
  const auto kept = engine().List(true);
  EXPECT_THAT(kept, SizeIs(AllOf(Ge(1), Le(4))));
  EXPECT_EQ(kept.back().id(), "large-9");
  EXPECT_EQ(kept.back().state(), v1::FAULT_STATE_REVERTED);
}

class EnginePlanTest : public EngineFixture {
 protected:
  StatusOr<v1::PlanFaultResponse> Plan(const std::string& spec,
                                       std::optional<int64_t> lease = std::nullopt) {
    v1::PlanFaultRequest request;
    *request.mutable_spec() = SpecFromText(spec);
    if (lease) request.mutable_duration()->set_seconds(*lease);
    StatusOr<v1::PlanFaultResponse> answer = absl::UnknownError("no answer");
    engine().Plan(request, [&](StatusOr<v1::PlanFaultResponse> plan) { answer = std::move(plan); });
    host.loop.RunReady();
    return answer;
  }
};

TEST_F(EnginePlanTest, TellsAndChangesNothing) {
  auto plan = Plan(kLatency, 60);
  ASSERT_EQ(plan.status(), absl::OkStatus());
  EXPECT_EQ(plan->summary(), "latency 100ms to 10.0.0.0/8, egress of eth0");
  EXPECT_THAT(plan->changes(), SizeIs(2));
  EXPECT_TRUE(plan->undo().has_latency());
  EXPECT_EQ(host.Snapshot(), before);
  EXPECT_THAT(engine().List(true), IsEmpty());
}

TEST_F(EnginePlanTest, LooksNamesUp) {
  host.resolver.Set("db.example", {"10.0.0.1"});
  auto plan = Plan(R"(blackhole { target { to { host: "db.example" } } })");
  ASSERT_EQ(plan.status(), absl::OkStatus());
  EXPECT_EQ(plan->undo().blackhole().names(0).addresses(0), "10.0.0.1");
}

TEST_F(EnginePlanTest, RefusesWhatInjectRefuses) {
  EXPECT_EQ(
      Plan("").status().message(),
      "spec: says no kind of fault; set one of latency, loss, blackhole, cpu, memory, disk_fill, "
      "disk_io, ecs_drain, noop");
  EXPECT_EQ(Plan(kNoop, 0).status().message(), "duration: 0s is out of range; write 100ms to 7d");
  EXPECT_EQ(Plan(R"(blackhole { target { to { host: "no.example" } } })").status().message(),
            "the name no.example does not resolve: no such name");
}

}  // namespace
}  // namespace faultd

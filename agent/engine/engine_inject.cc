// The way in: from a request to ACTIVE.
#include <algorithm>
#include <utility>

#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"
#include "engine/engine.h"
#include "engine/fault_log.h"
#include "google/protobuf/util/message_differencer.h"

namespace faultd {
namespace {

using google::protobuf::util::MessageDifferencer;

Status Stopping() {
  return absl::UnavailableError("faultd is stopping; try again once it is back");
}

void Answer(std::vector<Engine::FaultCallback>& callbacks, const StatusOr<v1::Fault>& answer) {
  for (Engine::FaultCallback& callback : std::exchange(callbacks, {})) callback(answer);
}

v1::InjectFaultRequest WithoutSpec(const v1::InjectFaultRequest& request) {
  v1::InjectFaultRequest rest;
  rest.set_id(request.id());
  *rest.mutable_duration() = request.duration();
  rest.set_not_renewable(request.not_renewable());
  *rest.mutable_labels() = request.labels();
  *rest.mutable_guards() = request.guards();
  return rest;
}

std::optional<std::chrono::nanoseconds> LeaseOf(const v1::PlanFaultRequest& request) {
  return request.has_duration() ? std::optional(FromProto(request.duration())) : std::nullopt;
}

}  // namespace

std::string Engine::Inject(const v1::InjectFaultRequest& request, const Caller& caller,
                           FaultCallback done) {
  if (Entry* known = request.id().empty() ? nullptr : Find(request.id())) {
    if (!AskedFor(*known, request)) {
      done(absl::AlreadyExistsError(StrCat(
          "fault ", request.id(),
          " exists and was asked for otherwise; choose another id, or repeat the same request")));
      return "";
    }
    std::string id = request.id();  // the request may be gone once it is answered
    AnswerRepeated(*known, std::move(done));
    return id;
  }
  StatusOr<Entry*> created = Create(request, caller);
  if (!created.ok()) {
    done(created.status());
    return "";
  }
  Entry& entry = **created;
  const std::string id = entry.fault.id();
  entry.when_active.push_back(std::move(done));
  Notify(entry);
  StartGuards(entry);
  return id;
}

void Engine::StartGuards(Entry& entry) {
  const auto& guards = entry.request.guards();
  if (guards_ == nullptr) {
    if (guards.empty()) return ResolveNames(entry);
    return Fail(entry, FieldError("guards", "cannot be watched by this daemon; leave them out"));
  }
  const std::string id = entry.fault.id();
  entry.guards = guards_->Start(
      {guards.begin(), guards.end()},
      [this, id](const Status& ready) {
        Entry* pending = FindIn(v1::FAULT_STATE_PENDING, id);
        if (pending == nullptr) return;
        if (!ready.ok()) return Fail(*pending, ready);
        ResolveNames(*pending);
      },
      [this, id](const std::string& why) {
        Entry* guarded = Find(id);
        if (guarded == nullptr || IsOver(guarded->fault.state())) return;
        LogFault(spdlog::level::warn, guarded->fault, "a guard tripped: {}", why);
        if (guarded->fault.end_detail().empty()) guarded->fault.set_end_detail(why);
        StartRevert(*guarded, v1::END_REASON_GUARD);
      });
}

void Engine::ResolveNames(Entry& entry) {
  const std::vector<std::string> names = entry.kind->names(entry.fault.spec());
  if (names.empty()) return Survey(entry);
  ResolveAll(names, [this, id = entry.fault.id()](StatusOr<ResolvedNames> resolved) {
    Entry* pending = FindIn(v1::FAULT_STATE_PENDING, id);
    if (pending == nullptr) return;
    if (!resolved.ok()) return Fail(*pending, resolved.status());
    NoteAddresses(*pending, *resolved);
    Survey(*pending);
  });
}

void Engine::Survey(Entry& entry) {
  if (entry.kind->survey == nullptr) return AwaitTurn(entry);
  const auto go_on = [this, alive = alive_, id = entry.fault.id()](const Status& surveyed) {
    Entry* pending = *alive ? FindIn(v1::FAULT_STATE_PENDING, id) : nullptr;
    if (pending == nullptr) return;
    if (!surveyed.ok()) return Fail(*pending, surveyed);
    AwaitTurn(*pending);
  };
  entry.kind->survey(entry.fault.spec(), host_, go_on);
}

bool Engine::AskedFor(const Entry& entry, const v1::InjectFaultRequest& request) {
  return MessageDifferencer::Equals(entry.fault.spec(), request.spec()) &&
         MessageDifferencer::Equals(entry.request, WithoutSpec(request));
}

StatusOr<size_t> Engine::FindMemory(const v1::InjectFaultRequest& request) const {
  constexpr size_t kMost = 16 << 20;  // 150,000 CIDRs
  const size_t bytes = request.SpaceUsedLong();
  if (active_bytes_ + bytes <= kMost) return bytes;
  return absl::ResourceExhaustedError(
      StrCat("the active faults take ", FormatSize(active_bytes_), " of memory, and this one ",
             FormatSize(bytes), "; there are ", FormatSize(kMost),
             " for all of them: revert some first, or name fewer endpoints"));
}

Status Engine::CheckWishNow(const FaultKind& kind, std::optional<std::chrono::nanoseconds> lease,
                            bool all_traffic) const {
  return CheckWish(policy_, {kind.name, lease, all_traffic}, clock_.WallNow());
}

StatusOr<Engine::Entry*> Engine::Create(const v1::InjectFaultRequest& request,
                                        const Caller& caller) {
  if (stopping_) return Stopping();
  RETURN_IF_ERROR(LeverRefusal());
  RETURN_IF_ERROR(ValidateInject(request));
  const FaultKind* kind = KindOf(request.spec());
  RETURN_IF_ERROR(CheckDryRunOnly(policy_));
  RETURN_IF_ERROR(CheckWishNow(*kind, FromProto(request.duration())));
  const auto of_kind = std::count_if(entries_.begin(), entries_.end(), [kind](const auto& each) {
    return each.second->kind == kind && !IsOver(each.second->fault.state());
  });
  RETURN_IF_ERROR(CheckRoom(policy_, kind->name, active_, static_cast<size_t>(of_kind)));
  auto entry = std::make_unique<Entry>();
  ASSIGN_OR_RETURN(entry->bytes, FindMemory(request));
  entry->request = WithoutSpec(request);
  entry->kind = kind;
  entry->number = next_number_++;
  v1::Fault& fault = entry->fault;
  fault.set_id(request.id());
  while (fault.id().empty() || entries_.contains(fault.id())) fault.set_id(MakeId(*entry->kind));
  *fault.mutable_spec() = request.spec();
  *fault.mutable_labels() = request.labels();
  *fault.mutable_guards() = request.guards();
  *fault.mutable_lease()->mutable_duration() = request.duration();
  fault.mutable_lease()->set_renewable(!request.not_renewable());
  fault.set_state(v1::FAULT_STATE_PENDING);
  fault.set_actor(caller.actor);
  fault.set_owner(caller.principal);
  *fault.mutable_create_time() = ToTimestamp(clock_.WallNow());
  entry->deadline = clock_.Now() + FromProto(request.duration());
  active_bytes_ += entry->bytes;
  Count(active_ + 1);
  return entries_.emplace(fault.id(), std::move(entry)).first->second.get();
}

// Whoever wants a fault does not expect it any more when a disk has stalled for longer than its
// lease.
void Engine::AwaitTurn(Entry& entry) {
  constexpr std::chrono::nanoseconds kPatience = std::chrono::seconds(10);
  entry.turn_by = clock_.Now() + std::max(kPatience, FromProto(entry.request.duration()));
  InTurn([this, id = entry.fault.id()] { Activate(id); });
}

void Engine::Activate(const std::string& id) {
  Entry* entry = FindIn(v1::FAULT_STATE_PENDING, id);
  if (entry == nullptr) return EndTurn();
  Status planned = absl::AbortedError(
      "it would have begun after its lease: the disk with the journal is slow, or stalls");
  if (clock_.Now() < entry->turn_by) planned = PlanEntry(*entry);
  if (!planned.ok()) {
    Fail(*entry, planned);
    return EndTurn();
  }
  entry->journaled = true;
  TellOfRecord(id, RecordNews::kBegun);
  ArmLease(*entry, entry->deadline);
  WriteRecord(*entry, entry->deadline, [this, id](const Status& written) {
    Entry* pending = FindIn(v1::FAULT_STATE_PENDING, id);
    if (pending != nullptr && written.ok()) {
      pending->touched = true;
      ContinueInject(id);
    } else if (pending != nullptr) {
      Fail(*pending, written);
    }
    EndTurn();
  });
}

Status Engine::PlanEntry(Entry& entry) {
  ASSIGN_OR_RETURN(FaultPlan plan, entry.kind->plan(entry.fault.spec(), NamesInUse(entry), host_));
  const auto lease = FromProto(entry.request.duration());
  RETURN_IF_ERROR(CheckWishNow(*entry.kind, lease, plan.all_traffic));
  entry.all_traffic = plan.all_traffic;
  entry.undo = std::move(plan.undo);
  entry.fault.set_summary(plan.summary);
  entry.deadline = clock_.Now() + lease;
  return absl::OkStatus();
}

// Until it is seen, or over before that: the lease ends, or somebody reverts it.
void Engine::ContinueInject(const std::string& id) {
  Entry* pending = FindIn(v1::FAULT_STATE_PENDING, id);
  if (pending == nullptr) return;
  Entry& entry = *pending;
  v1::Fault& fault = entry.fault;
  entry.retry_timer = Loop::kNoTimer;
  StatusOr<std::optional<std::string>> seen =
      entry.kind->inject(id, entry.fault.spec(), entry.undo, host_);
  if (!seen.ok()) return Fail(entry, Annotate(seen.status(), StrCat("inject ", fault.summary())));
  if (!seen->has_value()) {
    entry.retry_timer =
        loop_.At(clock_.Now() + entry.kind->poll_interval, [this, id] { ContinueInject(id); });
    return;
  }
  fault.set_state(v1::FAULT_STATE_ACTIVE);
  *fault.mutable_active_time() = ToTimestamp(clock_.WallNow());
  *fault.mutable_verification()->mutable_check_time() = fault.active_time();
  fault.mutable_verification()->set_detail(**seen);
  LogFault(spdlog::level::info, fault, "active for {}: {} ({}), by {}",
           FormatDuration(FromProto(entry.request.duration())), fault.summary(), **seen,
           fault.actor());
  entry.check_timer =
      loop_.At(clock_.Now() + entry.kind->observe_interval, [this, id] { Check(id); });
  if (!entry.names.empty()) {
    entry.resolve_timer =
        loop_.At(clock_.Now() + lookups_.interval, [this, id] { RefreshNames(id); });
  }
  Notify(entry);
  Answer(entry.when_active, Snapshot(entry));
}

void Engine::AnswerRepeated(Entry& entry, FaultCallback done) {
  switch (entry.fault.state()) {
    case v1::FAULT_STATE_PENDING:
      entry.when_active.push_back(std::move(done));
      return;
    case v1::FAULT_STATE_REVERTING:
      // The first request is not answered yet either while a failed injection is put back.
      if (!entry.fault.has_active_time()) {
        entry.when_active.push_back(std::move(done));
        return;
      }
      done(Snapshot(entry));
      return;
    case v1::FAULT_STATE_FAILED:
      done(entry.error);
      return;
    default:
      done(Snapshot(entry));
  }
}

void Engine::Plan(const v1::PlanFaultRequest& request, PlanCallback done) {
  Status valid = ValidateSpec(request.spec());
  if (valid.ok() && request.has_duration()) valid = ValidateLease(true, request.duration());
  const FaultKind* kind = KindOf(request.spec());
  if (valid.ok()) valid = CheckWishNow(*kind, LeaseOf(request));
  if (!valid.ok()) return done(valid);
  ResolveAll(kind->names(request.spec()),
             [this, kind, request, done](StatusOr<ResolvedNames> names) {
               if (!names.ok()) return done(names.status());
               if (kind->survey == nullptr) return done(PlanNow(*kind, request, *names));
               const auto go_on = [this, alive = alive_, kind, request, names = *std::move(names),
                                   done](const Status& surveyed) {
                 if (!*alive) return;
                 if (!surveyed.ok()) return done(surveyed);
                 done(PlanNow(*kind, request, names));
               };
               kind->survey(request.spec(), host_, go_on);
             });
}

StatusOr<v1::PlanFaultResponse> Engine::PlanNow(const FaultKind& kind,
                                                const v1::PlanFaultRequest& request,
                                                const ResolvedNames& names) {
  ASSIGN_OR_RETURN(FaultPlan plan, kind.plan(request.spec(), names, host_));
  RETURN_IF_ERROR(CheckWishNow(kind, LeaseOf(request), plan.all_traffic));
  if (Status denied = CheckDryRunOnly(policy_); !denied.ok())
    plan.warnings.emplace_back(denied.message());
  v1::PlanFaultResponse response;
  response.mutable_changes()->Assign(plan.changes.begin(), plan.changes.end());
  response.mutable_warnings()->Assign(plan.warnings.begin(), plan.warnings.end());
  *response.mutable_undo() = std::move(plan.undo);
  response.set_summary(plan.summary);
  return response;
}

}  // namespace faultd

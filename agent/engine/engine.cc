#include "engine/engine.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"
#include "google/protobuf/util/message_differencer.h"

namespace faultd {
namespace {

using google::protobuf::util::MessageDifferencer;

Status Stopping() {
  return absl::UnavailableError("faultd is stopping; try again once it is back");
}

Status NoSuchFault(const std::string& id) {
  return absl::NotFoundError(
      StrCat("there is no fault ", id, "; `faultctl list` shows those there are"));
}

void Answer(std::vector<Engine::FaultCallback>& callbacks, const StatusOr<v1::Fault>& answer) {
  for (Engine::FaultCallback& callback : std::exchange(callbacks, {})) callback(answer);
}

}  // namespace

bool IsOver(v1::FaultState state) {
  return state == v1::FAULT_STATE_REVERTED || state == v1::FAULT_STATE_FAILED;
}

Engine::Engine(Host& host, Journal& journal, Loop& loop, Resolver& resolver, const Clock& clock,
               std::string boot_id, Limits limits)
    : host_(host),
      journal_(journal),
      loop_(loop),
      resolver_(resolver),
      clock_(clock),
      boot_id_(std::move(boot_id)),
      limits_(limits) {}

Engine::~Engine() {
  *alive_ = false;
  for (auto& [id, entry] : entries_) {
    for (Loop::TimerId timer : {entry->lease_timer, entry->check_timer, entry->resolve_timer,
                                entry->retry_timer, entry->grace_timer}) {
      loop_.Cancel(timer);
    }
  }
}

std::string Engine::Inject(const v1::InjectFaultRequest& request, const std::string& actor,
                           FaultCallback done) {
  if (Entry* known = request.id().empty() ? nullptr : Find(request.id())) {
    if (!MessageDifferencer::Equals(known->request, request)) {
      done(absl::AlreadyExistsError(StrCat(
          "fault ", request.id(),
          " exists and was asked for otherwise; choose another id, or repeat the same request")));
      return "";
    }
    AnswerRepeated(*known, std::move(done));
    return request.id();
  }
  StatusOr<Entry*> created = Create(request, actor);
  if (!created.ok()) {
    done(created.status());
    return "";
  }
  Entry& entry = **created;
  const std::string id = entry.fault.id();
  entry.when_active.push_back(std::move(done));
  Notify(entry);
  const std::vector<std::string> names = entry.kind->names(request.spec());
  if (names.empty()) {
    Activate(entry);
    return id;
  }
  ResolveAll(names, [this, id](StatusOr<ResolvedNames> resolved) {
    Entry* pending = Find(id);
    if (pending == nullptr || pending->fault.state() != v1::FAULT_STATE_PENDING) return;
    if (!resolved.ok()) return Fail(*pending, resolved.status());
    NoteAddresses(*pending, *resolved);
    Activate(*pending);
  });
  return id;
}

StatusOr<Engine::Entry*> Engine::Create(const v1::InjectFaultRequest& request,
                                        const std::string& actor) {
  if (stopping_) return Stopping();
  RETURN_IF_ERROR(ValidateInject(request, limits_));
  if (active_ >= limits_.max_active_faults) {
    return absl::ResourceExhaustedError(StrCat("there are ", active_,
                                               " active faults, as many as this host "
                                               "allows; revert some of them first"));
  }
  auto entry = std::make_unique<Entry>();
  entry->request = request;
  entry->kind = KindOf(request.spec());
  entry->number = next_number_++;
  v1::Fault& fault = entry->fault;
  fault.set_id(request.id());
  while (fault.id().empty() || entries_.contains(fault.id())) fault.set_id(MakeId(*entry->kind));
  *fault.mutable_spec() = request.spec();
  *fault.mutable_labels() = request.labels();
  *fault.mutable_lease()->mutable_duration() = request.duration();
  fault.mutable_lease()->set_renewable(!request.not_renewable());
  fault.set_state(v1::FAULT_STATE_PENDING);
  fault.set_actor(actor);
  *fault.mutable_create_time() = ToTimestamp(clock_.WallNow());
  entry->deadline = clock_.Now() + FromProto(request.duration());
  Count(active_ + 1);
  return entries_.emplace(fault.id(), std::move(entry)).first->second.get();
}

// From the plan to the injection in one go: nothing else runs on the loop in between.
void Engine::Activate(Entry& entry) {
  ResolvedNames names;
  for (const auto& [name, addresses] : entry.names) {
    for (const auto& [address, seen] : addresses) names[name].push_back(*IpAddress::Parse(address));
  }
  StatusOr<FaultPlan> plan = entry.kind->plan(entry.request.spec(), names, host_);
  if (!plan.ok()) return Fail(entry, plan.status());
  entry.undo = plan->undo;
  entry.fault.set_summary(plan->summary);
  entry.deadline = clock_.Now() + FromProto(entry.request.duration());
  entry.journaled = true;
  if (Status written = WriteRecord(entry); !written.ok()) return Fail(entry, written);
  entry.touched = true;
  ArmLease(entry);
  ContinueInject(entry.fault.id());
}

// Until it is seen, or over before that: the lease ends, or somebody reverts it.
void Engine::ContinueInject(const std::string& id) {
  Entry* pending = Find(id);
  if (pending == nullptr || pending->fault.state() != v1::FAULT_STATE_PENDING) return;
  Entry& entry = *pending;
  v1::Fault& fault = entry.fault;
  entry.retry_timer = Loop::kNoTimer;
  StatusOr<std::optional<std::string>> seen =
      entry.kind->inject(id, entry.request.spec(), entry.undo, host_);
  if (!seen.ok()) return Fail(entry, Annotate(seen.status(), StrCat("inject ", fault.summary())));
  if (!seen->has_value()) {
    entry.retry_timer = loop_.At(clock_.Now() + kPollInterval, [this, id] { ContinueInject(id); });
    return;
  }
  fault.set_state(v1::FAULT_STATE_ACTIVE);
  *fault.mutable_active_time() = ToTimestamp(clock_.WallNow());
  *fault.mutable_verification()->mutable_check_time() = fault.active_time();
  fault.mutable_verification()->set_detail(**seen);
  spdlog::info("fault {}: active for {}: {} ({}), by {}", id,
               FormatDuration(FromProto(entry.request.duration())), fault.summary(), **seen,
               fault.actor());
  entry.check_timer =
      loop_.At(clock_.Now() + entry.kind->observe_interval, [this, id] { Check(id); });
  if (!entry.names.empty()) {
    entry.resolve_timer =
        loop_.At(clock_.Now() + limits_.resolve_interval, [this, id] { RefreshNames(id); });
  }
  Notify(entry);
  Answer(entry.when_active, Snapshot(entry));
}

Status Engine::WriteRecord(const Entry& entry) {
  v1::JournalRecord record;
  record.set_id(entry.fault.id());
  record.set_boot_id(boot_id_);
  record.set_deadline_boottime_ns(entry.deadline.count());
  *record.mutable_undo() = entry.undo;
  *record.mutable_spec() = entry.fault.spec();
  *record.mutable_create_time() = entry.fault.create_time();
  record.set_actor(entry.fault.actor());
  *record.mutable_labels() = entry.fault.labels();
  record.set_writer_version(FAULTD_VERSION);
  return journal_.Write(record);
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

void Engine::ArmLease(Entry& entry) {
  loop_.Cancel(entry.lease_timer);
  const std::string id = entry.fault.id();
  entry.lease_timer = loop_.At(entry.deadline, [this, id] {
    if (Entry* due = Find(id)) StartRevert(*due, v1::END_REASON_LEASE_ENDED);
  });
}

void Engine::Plan(const v1::PlanFaultRequest& request,
                  std::function<void(StatusOr<v1::PlanFaultResponse>)> done) {
  Status valid = ValidateSpec(request.spec());
  if (valid.ok() && request.has_duration())
    valid = ValidateLease(true, request.duration(), limits_);
  if (!valid.ok()) return done(valid);
  const FaultKind* kind = KindOf(request.spec());
  ResolveAll(kind->names(request.spec()),
             [this, kind, spec = request.spec(), done](StatusOr<ResolvedNames> names) {
               if (!names.ok()) return done(names.status());
               StatusOr<FaultPlan> plan = kind->plan(spec, *names, host_);
               if (!plan.ok()) return done(plan.status());
               v1::PlanFaultResponse response;
               response.mutable_changes()->Assign(plan->changes.begin(), plan->changes.end());
               response.mutable_warnings()->Assign(plan->warnings.begin(), plan->warnings.end());
               *response.mutable_undo() = std::move(plan->undo);
               response.set_summary(plan->summary);
               done(std::move(response));
             });
}

StatusOr<v1::Fault> Engine::Get(const std::string& id) {
  Entry* entry = Find(id);
  if (entry == nullptr) return NoSuchFault(id);
  if (entry->fault.state() == v1::FAULT_STATE_ACTIVE) {
    StatusOr<v1::Effect> effect = entry->kind->observe(id, host_);
    if (effect.ok()) {
      *effect->mutable_measure_time() = ToTimestamp(clock_.WallNow());
      *entry->fault.mutable_effect() = *std::move(effect);
    } else if (absl::IsDataLoss(effect.status())) {
      Fail(*entry, effect.status());
    }
  }
  return Snapshot(*entry);
}

std::vector<v1::Fault> Engine::List(bool include_ended) {
  uint64_t after = 0;
  return ListPage(include_ended, entries_.size(), after);
}

std::vector<v1::Fault> Engine::ListPage(bool include_ended, size_t limit, uint64_t& after) {
  std::vector<const Entry*> chosen;
  for (const auto& [id, entry] : entries_) {
    const bool wanted = include_ended || !IsOver(entry->fault.state());
    if (wanted && entry->number > after) chosen.push_back(entry.get());
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const Entry* a, const Entry* b) { return a->number < b->number; });
  after = chosen.size() > limit ? chosen[limit - 1]->number : 0;
  chosen.resize(std::min(chosen.size(), limit));
  std::vector<v1::Fault> faults;
  faults.reserve(chosen.size());
  for (const Entry* entry : chosen) faults.push_back(Snapshot(*entry));
  return faults;
}

StatusOr<v1::Fault> Engine::Renew(const v1::RenewLeaseRequest& request) {
  Entry* entry = Find(request.id());
  if (entry == nullptr) return NoSuchFault(request.id());
  RETURN_IF_ERROR(ValidateLease(request.has_duration(), request.duration(), limits_));
  v1::Fault& fault = entry->fault;
  if (fault.state() != v1::FAULT_STATE_ACTIVE) {
    return absl::AbortedError(StrCat("fault ", fault.id(), " is ", FaultState_Name(fault.state()),
                                     "; only an active fault can be renewed"));
  }
  if (!fault.lease().renewable()) {
    return PreconditionError("LEASE", fault.id(),
                             StrCat("fault ", fault.id(), " was injected as not renewable"));
  }
  const BootTime before =
      std::exchange(entry->deadline, clock_.Now() + FromProto(request.duration()));
  // The record first: the guardian must never think that the lease is over while the daemon does
  // not.
  if (Status written = WriteRecord(*entry); !written.ok()) {
    // The new record may be on disk all the same.
    entry->deadline = before;
    WriteRecord(*entry).IgnoreError();
    return written;
  }
  *fault.mutable_lease()->mutable_duration() = request.duration();
  ArmLease(*entry);
  spdlog::info("fault {}: lease renewed for {}", fault.id(),
               FormatDuration(FromProto(request.duration())));
  Notify(*entry);
  return Snapshot(*entry);
}

Status Engine::Hold(const std::string& id, const std::string& actor) {
  Entry* entry = Find(id);
  if (entry == nullptr) return NoSuchFault(id);
  if (entry->fault.state() != v1::FAULT_STATE_ACTIVE &&
      entry->fault.state() != v1::FAULT_STATE_PENDING) {
    return absl::AbortedError(StrCat("fault ", id, " is over or being reverted"));
  }
  if (!entry->fault.lease().held_by().empty()) {
    return PreconditionError("HOLD", id,
                             StrCat("fault ", id, " is held by ", entry->fault.lease().held_by()));
  }
  loop_.Cancel(std::exchange(entry->grace_timer, Loop::kNoTimer));
  entry->fault.mutable_lease()->set_held_by(actor);
  Notify(*entry);
  return absl::OkStatus();
}

void Engine::Release(const std::string& id, std::chrono::nanoseconds grace) {
  Entry* entry = Find(id);
  if (entry == nullptr || entry->fault.lease().held_by().empty()) return;
  entry->fault.mutable_lease()->clear_held_by();
  if (entry->fault.state() == v1::FAULT_STATE_REVERTING || IsOver(entry->fault.state())) return;
  if (grace.count() <= 0) return StartRevert(*entry, v1::END_REASON_HOLDER_GONE);
  spdlog::warn("fault {}: its holder is gone; reverting in {} unless it is held again", id,
               FormatDuration(grace));
  entry->grace_timer = loop_.At(clock_.Now() + grace, [this, id] {
    if (Entry* orphan = Find(id)) StartRevert(*orphan, v1::END_REASON_HOLDER_GONE);
  });
  Notify(*entry);
}

void Engine::Check(const std::string& id) {
  Entry* entry = Find(id);
  if (entry == nullptr || entry->fault.state() != v1::FAULT_STATE_ACTIVE) return;
  entry->check_timer =
      loop_.At(clock_.Now() + entry->kind->observe_interval, [this, id] { Check(id); });
  if (auto fault = Get(id); fault.ok() && fault->state() == v1::FAULT_STATE_ACTIVE) {
    *entry->fault.mutable_verification()->mutable_check_time() = ToTimestamp(clock_.WallNow());
  }
}

Engine::WatchId Engine::Watch(std::function<void(const v1::Fault&)> each) {
  watches_.emplace(next_watch_, std::move(each));
  return next_watch_++;
}

void Engine::Unwatch(WatchId watch) { watches_.erase(watch); }

void Engine::Forget(const std::string& id) { entries_.erase(id); }

Engine::Entry* Engine::Find(const std::string& id) {
  auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second.get();
}

void Engine::Count(size_t active) {
  active_ = active;
  if (count_changed_) count_changed_(active_);
}

v1::Fault Engine::Snapshot(const Entry& entry) const {
  v1::Fault fault = entry.fault;
  if (!IsOver(fault.state())) {
    const auto remaining = std::max(entry.deadline - clock_.Now(), BootTime::zero());
    *fault.mutable_lease()->mutable_remaining() = ToProto(remaining);
    *fault.mutable_lease()->mutable_deadline() = ToTimestamp(clock_.WallNow() + remaining);
  }
  return fault;
}

void Engine::Notify(const Entry& entry) {
  if (watches_.empty()) return;
  const v1::Fault fault = Snapshot(entry);
  for (const auto& [watch, each] : watches_) each(fault);
}

}  // namespace faultd

// How long a fault may be there: its lease, renewals, and who holds it.
#include <algorithm>
#include <utility>

#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"
#include "engine/engine.h"
#include "engine/fault_log.h"

namespace faultd {

void Engine::ArmLease(Entry& entry, BootTime end) {
  loop_.Cancel(entry.lease_timer);
  entry.lease_end = end;
  entry.lease_timer = loop_.At(end, [this] { EndLeases(); });
}

// All that have ended by now together: one by one, the last of many would end late.
void Engine::EndLeases() {
  const BootTime now = clock_.Now();
  std::vector<std::string> due;
  for (const auto& [id, entry] : entries_) {
    if (entry->lease_timer != Loop::kNoTimer && entry->lease_end <= now) due.push_back(id);
  }
  EndEffects(due);
  for (const std::string& id : due) {
    if (Entry* entry = Find(id)) StartRevert(*entry, v1::END_REASON_LEASE_ENDED);
  }
}

Status Engine::CheckRenewal(const Entry& entry, const v1::RenewLeaseRequest& request) const {
  RETURN_IF_ERROR(LeverRefusal());
  RETURN_IF_ERROR(ValidateLease(request.has_duration(), request.duration()));
  RETURN_IF_ERROR(CheckDryRunOnly(policy_));
  RETURN_IF_ERROR(CheckWishNow(*entry.kind, FromProto(request.duration()), entry.all_traffic));
  const v1::Fault& fault = entry.fault;
  if (fault.state() != v1::FAULT_STATE_ACTIVE) {
    return absl::AbortedError(StrCat("fault ", fault.id(), " is ", FaultState_Name(fault.state()),
                                     "; only an active fault can be renewed"));
  }
  if (!fault.lease().renewable()) {
    return PreconditionError("LEASE", fault.id(),
                             StrCat("fault ", fault.id(), " was injected as not renewable"));
  }
  return absl::OkStatus();
}

void Engine::Renew(const v1::RenewLeaseRequest& request, FaultCallback done) {
  StatusOr<Entry*> entry = Lookup(request.id());
  Status allowed = entry.status();
  if (allowed.ok()) allowed = CheckRenewal(**entry, request);
  if (!allowed.ok()) return done(allowed);
  InTurn([this, request, done = std::move(done)] { WriteRenewal(request, done); });
}

// The record first: the guardian must never think that the lease is over while the daemon does not.
void Engine::WriteRenewal(const v1::RenewLeaseRequest& request, const FaultCallback& done) {
  StatusOr<Entry*> entry = Lookup(request.id());
  Status allowed = entry.status();
  if (allowed.ok()) allowed = CheckRenewal(**entry, request);  // the turn may have been long
  if (!allowed.ok()) {
    EndTurn();
    return done(allowed);
  }
  const BootTime end = clock_.Now() + FromProto(request.duration());
  ArmLease(**entry, std::min(end, (*entry)->deadline));
  WriteRecord(**entry, end, [this, request, end, done](const Status& written) {
    FinishRenewal(request, end, written, done);
  });
}

void Engine::FinishRenewal(const v1::RenewLeaseRequest& request, BootTime end,
                           const Status& written, const FaultCallback& done) {
  Entry* entry = Find(request.id());
  v1::Fault& fault = entry->fault;
  if (fault.state() != v1::FAULT_STATE_ACTIVE) {
    EndTurn();
    return done(
        absl::AbortedError(StrCat("fault ", fault.id(), " ended while its new lease was written")));
  }
  if (!written.ok()) {
    // The new record may be on disk all the same.
    ArmLease(*entry, entry->deadline);
    return WriteRecord(*entry, entry->deadline, [this, written, done](const Status&) {
      EndTurn();
      done(written);
    });
  }
  entry->deadline = end;
  *fault.mutable_lease()->mutable_duration() = request.duration();
  ArmLease(*entry, end);
  LogFault(spdlog::level::info, fault, "lease renewed for {}",
           FormatDuration(FromProto(request.duration())));
  Notify(*entry);
  EndTurn();
  done(Snapshot(*entry));
}

Status Engine::Hold(const std::string& id, const std::string& actor) {
  ASSIGN_OR_RETURN(Entry * entry, Lookup(id));
  RETURN_IF_ERROR(LeverRefusal());
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
  LogFault(spdlog::level::warn, entry->fault,
           "its holder is gone; reverting in {} unless it is held again", FormatDuration(grace));
  entry->grace_timer = loop_.At(clock_.Now() + grace, [this, id] {
    if (Entry* orphan = Find(id)) StartRevert(*orphan, v1::END_REASON_HOLDER_GONE);
  });
  Notify(*entry);
}

}  // namespace faultd

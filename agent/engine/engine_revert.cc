// The way back: from REVERTING to REVERTED or FAILED.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/proto_status.h"
#include "base/proto_time.h"
#include "base/strings.h"
#include "engine/engine.h"
#include "engine/fault_log.h"

namespace faultd {
namespace {

constexpr std::chrono::milliseconds kFirstRetry{50};
constexpr std::chrono::seconds kLongestRetry{10};
constexpr std::chrono::milliseconds kLongestLook{3};
constexpr std::chrono::milliseconds kTellOfGoing{500};
constexpr size_t kHistory = 1000;
constexpr size_t kHistoryBytes = 8 << 20;
constexpr std::chrono::hours kHistoryAge{1};

std::chrono::nanoseconds Backoff(int attempts) {
  return std::min<std::chrono::nanoseconds>(kFirstRetry * (1 << std::min(attempts - 1, 10)),
                                            kLongestRetry);
}

}  // namespace

void Engine::Revert(const std::string& id, v1::EndReason reason, FaultCallback done) {
  StatusOr<Entry*> entry = Lookup(id);
  if (!entry.ok()) return done(entry.status());
  if (IsOver((*entry)->fault.state())) return done(Snapshot(**entry));
  (*entry)->when_over.push_back(std::move(done));
  StartRevert(**entry, reason);
}

void Engine::RevertAll(v1::EndReason reason, std::function<void(std::vector<v1::Fault>)> done) {
  struct Gathering {
    size_t left = 0;
    std::vector<v1::Fault> faults;
    std::function<void(std::vector<v1::Fault>)> done;
  };
  std::vector<std::string> ids;
  for (const v1::Fault& fault : List(false)) ids.push_back(fault.id());
  if (ids.empty()) return done({});
  EndEffects(ids);
  auto gathering = std::make_shared<Gathering>(Gathering{ids.size(), {}, std::move(done)});
  for (const std::string& id : ids) {
    Revert(id, reason, [gathering](StatusOr<v1::Fault> fault) {
      if (fault.ok()) gathering->faults.push_back(*std::move(fault));
      if (--gathering->left == 0) gathering->done(std::move(gathering->faults));
    });
  }
}

void Engine::Shutdown(std::function<void()> done) {
  stopping_ = true;
  auto once = std::make_shared<std::function<void()>>(std::move(done));
  const auto finish = [this, once] {
    loop_.Cancel(std::exchange(remote_timer_, Loop::kNoTimer));
    if (auto call = std::exchange(*once, nullptr)) call();
  };
  GiveUpRemote(finish);
  RevertAll(v1::END_REASON_SHUTDOWN, [finish](const std::vector<v1::Fault>&) { finish(); });
}

// Whatever is on this host is waited for as long as it takes.
void Engine::GiveUpRemote(const std::function<void()>& finish) {
  remote_timer_ = loop_.At(clock_.Now() + kRemoteGrace, [this, finish] {
    remote_timer_ = Loop::kNoTimer;
    for (const auto& [id, entry] : entries_) {
      if (IsOver(entry->fault.state())) continue;
      if (!entry->kind->remote) return GiveUpRemote(finish);
      LogFault(spdlog::level::err, entry->fault,
               "NOT REVERTED YET: {}; the next start of faultd goes on",
               entry->fault.error().message());
    }
    finish();
  });
}

Status Engine::TakeUpRecords() {
  ASSIGN_OR_RETURN(const Journal::Content content, journal_.ReadAll());
  for (const v1::JournalRecord& record : content.records) {
    const FaultKind* kind = KindOf(record.undo());
    if (kind == nullptr || !kind->remote) continue;
    auto entry = std::make_unique<Entry>();
    entry->kind = kind;
    entry->undo = record.undo();
    entry->number = next_number_++;
    entry->journaled = true;
    entry->touched = true;
    entry->request.set_id(record.id());
    entry->bytes = record.spec().SpaceUsedLong();
    active_bytes_ += entry->bytes;
    v1::Fault& fault = entry->fault;
    fault.set_id(record.id());
    *fault.mutable_spec() = record.spec();
    *fault.mutable_labels() = record.labels();
    fault.set_actor(record.actor());
    fault.set_summary(std::string(kind->name));
    fault.set_state(v1::FAULT_STATE_ACTIVE);
    *fault.mutable_create_time() = record.create_time();
    *fault.mutable_active_time() = record.create_time();
    LogFault(spdlog::level::warn, fault, "{} is left from before; reverting it", kind->name);
    Count(active_ + 1);
    Entry& taken = *entries_.emplace(record.id(), std::move(entry)).first->second;
    StartRevert(taken, v1::END_REASON_RECOVERY);
  }
  return absl::OkStatus();
}

void Engine::StartRevert(Entry& entry, v1::EndReason reason) {
  v1::Fault& fault = entry.fault;
  if (fault.state() == v1::FAULT_STATE_REVERTING || IsOver(fault.state())) return;
  TakeLastLook(entry);
  fault.set_state(v1::FAULT_STATE_REVERTING);
  fault.set_end_reason(reason);
  entry.guards.reset();
  for (Loop::TimerId* timer : {&entry.lease_timer, &entry.check_timer, &entry.resolve_timer,
                               &entry.retry_timer, &entry.grace_timer}) {
    loop_.Cancel(std::exchange(*timer, Loop::kNoTimer));
  }
  const std::string id = fault.id();
  ContinueRevert(id);
  if (Entry* still = Find(id);
      still != nullptr && still->fault.state() == v1::FAULT_STATE_REVERTING) {
    Notify(*still);
  }
}

// What network faults do, of many in one transaction, which is faster than one by one.
void Engine::EndEffects(const std::vector<std::string>& ids) {
  if (ids.size() < 2) return;
  const BootTime look_until = clock_.Now() + kLongestLook;
  for (const std::string& id : ids) {
    if (clock_.Now() < look_until) TakeLastLook(*Find(id));
  }
  if (Status ended = host_.network.End(ids); !ended.ok()) {
    spdlog::warn("ending {} faults at once: {}; trying one by one", ids.size(),
                 std::string(ended.message()));
  }
}

// Its last figures: after the revert there is nothing to read them from.
void Engine::TakeLastLook(Entry& entry) {
  v1::Fault& fault = entry.fault;
  if (fault.state() != v1::FAULT_STATE_ACTIVE) return;
  if (auto effect = entry.kind->observe(fault.id(), host_); effect.ok()) {
    *effect->mutable_measure_time() = ToTimestamp(clock_.WallNow());
    *fault.mutable_effect() = *std::move(effect);
  }
}

void Engine::ContinueRevert(const std::string& id) {
  Entry* entry = FindIn(v1::FAULT_STATE_REVERTING, id);
  if (entry == nullptr) return;
  entry->retry_timer = Loop::kNoTimer;
  StatusOr<bool> gone = true;
  if (entry->touched) gone = entry->kind->revert(id, entry->undo, host_);
  if (!gone.ok()) return RetryRevert(*entry, gone.status());
  if (*gone) return entry->journaled ? RemoveRecord(*entry) : Finish(*entry);
  const BootTime now = clock_.Now();
  if (now >= entry->told_of_going + kTellOfGoing) {
    entry->told_of_going = now;
    TellOfRecord(id, RecordNews::kGoing);
  }
  entry->retry_timer =
      loop_.At(now + entry->kind->poll_interval, [this, id] { ContinueRevert(id); });
}

void Engine::RetryRevert(Entry& entry, const Status& error) {
  const std::chrono::nanoseconds pause = Backoff(++entry.attempts);
  *entry.fault.mutable_error() = ToProto(error);
  if (DetailsOf(error).precondition_type == "MOUNT")
    TellOfRecord(entry.fault.id(), RecordNews::kWaits);
  LogFault(spdlog::level::err, entry.fault, "REVERT FAILED (attempt {}): {}; trying again in {} ms",
           entry.attempts, ToStd(error.message()),
           std::chrono::duration_cast<std::chrono::milliseconds>(pause).count());
  Notify(entry);
  entry.retry_timer =
      loop_.At(clock_.Now() + pause, [this, id = entry.fault.id()] { ContinueRevert(id); });
}

void Engine::Finish(Entry& entry) {
  v1::Fault& fault = entry.fault;
  const bool failed = !entry.error.ok();
  fault.set_state(failed ? v1::FAULT_STATE_FAILED : v1::FAULT_STATE_REVERTED);
  fault.clear_error();
  if (failed) *fault.mutable_error() = ToProto(entry.error);
  *fault.mutable_end_time() = ToTimestamp(clock_.WallNow());
  if (entry.kind->remark != nullptr && fault.end_detail().empty())
    fault.set_end_detail(entry.kind->remark(fault.id(), host_));
  entry.undo.Clear();
  entry.names.clear();
  active_bytes_ -= entry.bytes;
  Count(active_ - 1);
  const std::string why = failed ? std::string(entry.error.message()) : fault.end_detail();
  LogFault(spdlog::level::info, fault, "{} ({}){}{}", FaultState_Name(fault.state()),
           EndReason_Name(fault.end_reason()), why.empty() ? "" : ": ", why);
  Notify(entry);
  const v1::Fault over = Snapshot(entry);
  auto when_active = std::exchange(entry.when_active, {});
  auto when_over = std::exchange(entry.when_over, {});
  const Status error =
      failed ? entry.error
             : absl::AbortedError(StrCat("fault ", over.id(), " was reverted meanwhile (",
                                         EndReason_Name(over.end_reason()), ")"));
  // A refused request leaves nothing behind, not even its id.
  if (failed && !entry.touched) {
    Forget(over.id());
  } else {
    history_.emplace(std::pair(clock_.Now(), entry.number), over.id());
    history_bytes_ += entry.bytes;
  }
  TrimHistory();
  for (FaultCallback& callback : when_active) callback(error);
  for (FaultCallback& callback : when_over) callback(over);
}

void Engine::Fail(Entry& entry, const Status& error) {
  entry.error = error;
  StartRevert(entry, v1::END_REASON_ERROR);
}

void Engine::TrimHistory() {
  const BootTime oldest = clock_.Now() - kHistoryAge;
  while (!history_.empty() &&
         (history_.size() > kHistory || history_.begin()->first.first <= oldest ||
          (history_bytes_ > kHistoryBytes && history_.size() > 1))) {
    const std::string id = history_.extract(history_.begin()).mapped();
    history_bytes_ -= entries_.at(id)->bytes;
    Forget(id);
  }
}

}  // namespace faultd

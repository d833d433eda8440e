#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"
#include "engine/fault_log.h"

namespace faultd {
bool IsOver(v1::FaultState state) {
  return state == v1::FAULT_STATE_REVERTED || state == v1::FAULT_STATE_FAILED;
}

Engine::Engine(Host& host, Journal& journal, Worker& worker, Loop& loop, Resolver& resolver,
               const Clock& clock, std::string boot_id, NameLookups lookups)
    : host_(host),
      journal_(journal),
      worker_(worker),
      loop_(loop),
      resolver_(resolver),
      clock_(clock),
      boot_id_(std::move(boot_id)),
      lookups_(lookups) {}

Engine::~Engine() {
  *alive_ = false;
  loop_.Cancel(remote_timer_);
  for (auto& [id, entry] : entries_) {
    for (Loop::TimerId timer : {entry->lease_timer, entry->check_timer, entry->resolve_timer,
                                entry->retry_timer, entry->grace_timer}) {
      loop_.Cancel(timer);
    }
  }
}

void Engine::SetPolicy(const Policy& policy) {
  policy_ = policy;
  host_.network_policy = policy.network;
  host_.stress_policy = policy.stress;
}

StatusOr<v1::Fault> Engine::Get(const std::string& id) {
  ASSIGN_OR_RETURN(Entry * entry, Lookup(id));
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

StatusOr<std::string> Engine::OwnerOf(const std::string& id) {
  ASSIGN_OR_RETURN(const Entry* entry, Lookup(id));
  return entry->fault.owner();
}

std::vector<v1::Fault> Engine::List(bool include_ended) {
  uint64_t after = 0;
  return ListPage(include_ended, entries_.size(), after);
}

std::vector<v1::Fault> Engine::ListPage(bool include_ended, size_t limit, uint64_t& after) {
  std::vector<Entry*> chosen;
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
  for (Entry* entry : chosen) faults.push_back(Snapshot(*entry));
  return faults;
}

void Engine::Check(const std::string& id) {
  Entry* entry = FindIn(v1::FAULT_STATE_ACTIVE, id);
  if (entry == nullptr) return;
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

Engine::Entry* Engine::FindIn(v1::FaultState state, const std::string& id) {
  Entry* entry = Find(id);
  return entry != nullptr && entry->fault.state() == state ? entry : nullptr;
}

StatusOr<Engine::Entry*> Engine::Lookup(const std::string& id) {
  if (Entry* entry = Find(id)) return entry;
  return absl::NotFoundError(
      StrCat("there is no fault ", id, "; `faultctl list` shows those there are"));
}

void Engine::Count(size_t active) {
  active_ = active;
  if (count_changed_) count_changed_(active_);
}

const v1::Fault& Engine::Snapshot(Entry& entry) const {
  v1::Lease& lease = *entry.fault.mutable_lease();
  if (IsOver(entry.fault.state())) {
    lease.clear_remaining();
    lease.clear_deadline();
  } else {
    const auto remaining = std::max(entry.deadline - clock_.Now(), BootTime::zero());
    *lease.mutable_remaining() = ToProto(remaining);
    *lease.mutable_deadline() = ToTimestamp(clock_.WallNow() + remaining);
  }
  return entry.fault;
}

void Engine::Notify(Entry& entry) {
  if (watches_.empty()) return;
  const v1::Fault& fault = Snapshot(entry);
  for (const auto& [watch, each] : watches_) each(fault);
}

}  // namespace faultd

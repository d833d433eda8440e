// Names in faults: looked up before the start and again during the lease.
#include <utility>

#include "base/strings.h"
#include "engine/engine.h"
#include "engine/fault_log.h"

namespace faultd {

void Engine::ResolveAll(const std::vector<std::string>& names,
                        std::function<void(StatusOr<ResolvedNames>)> done) {
  struct Gathering {
    size_t left = 0;
    ResolvedNames names;
    Status error;
    std::function<void(StatusOr<ResolvedNames>)> done;
  };
  if (names.empty()) return done(ResolvedNames{});
  auto gathering =
      std::make_shared<Gathering>(Gathering{names.size(), {}, absl::OkStatus(), std::move(done)});
  for (const std::string& name : names) {
    resolver_.Resolve(
        name, [alive = alive_, gathering, name](StatusOr<std::vector<IpPrefix>> addresses) {
          if (!*alive) return;
          if (addresses.ok()) {
            gathering->names[name] = *std::move(addresses);
          } else {
            MergeStatus(gathering->error,
                        PreconditionError("NAME", name,
                                          StrCat("the name ", name, " does not resolve: ",
                                                 ToStd(addresses.status().message()))));
          }
          if (--gathering->left > 0) return;
          if (gathering->error.ok()) {
            gathering->done(std::move(gathering->names));
          } else {
            gathering->done(gathering->error);
          }
        });
  }
}

void Engine::NoteAddresses(Entry& entry, const ResolvedNames& resolved) {
  const BootTime now = clock_.Now();
  for (const auto& [name, addresses] : resolved) {
    SeenAddresses& seen = entry.names[name];
    for (const IpPrefix& address : addresses) seen[address.ToString()] = now;
    std::erase_if(seen, [&](const auto& each) { return each.second + lookups_.grace < now; });
  }
}

ResolvedNames Engine::NamesInUse(const Entry& entry) {
  ResolvedNames names;
  for (const auto& [name, addresses] : entry.names) {
    for (const auto& [address, seen] : addresses) names[name].push_back(*IpPrefix::Parse(address));
  }
  return names;
}

void Engine::RefreshNames(const std::string& id) {
  Entry* entry = FindIn(v1::FAULT_STATE_ACTIVE, id);
  if (entry == nullptr) return;
  ResolveAll(entry->kind->names(entry->fault.spec()), [this, id](StatusOr<ResolvedNames> resolved) {
    Entry* active = FindIn(v1::FAULT_STATE_ACTIVE, id);
    if (active == nullptr) return;
    active->resolve_timer =
        loop_.At(clock_.Now() + lookups_.interval, [this, id] { RefreshNames(id); });
    if (!resolved.ok()) return WarnOfOldAddresses(*active, resolved.status());
    NoteAddresses(*active, *resolved);
    InTurn([this, id] { ApplyNames(id); });
  });
}

// Plans anew with all addresses in use and, when that changes the undo record, writes it and
// injects again, which changes the fault without a gap. On error the fault stays as it is until the
// next look-up.
void Engine::ApplyNames(const std::string& id) {
  Entry* entry = FindIn(v1::FAULT_STATE_ACTIVE, id);
  if (entry == nullptr) return EndTurn();
  StatusOr<FaultPlan> plan = entry->kind->plan(entry->fault.spec(), NamesInUse(*entry), host_);
  if (!plan.ok()) WarnOfOldAddresses(*entry, plan.status());
  if (!plan.ok() || plan->undo.SerializeAsString() == entry->undo.SerializeAsString())
    return EndTurn();
  const v1::Undo before = std::exchange(entry->undo, plan->undo);
  WriteRecord(*entry, entry->deadline,
              [this, id, before, summary = plan->summary](const Status& written) {
                InjectNames(id, summary, before, written);
                EndTurn();
              });
}

void Engine::InjectNames(const std::string& id, const std::string& summary, const v1::Undo& before,
                         const Status& written) {
  Entry* entry = FindIn(v1::FAULT_STATE_ACTIVE, id);
  if (entry == nullptr) return;
  Status status = written;
  if (status.ok())
    status = entry->kind->inject(id, entry->fault.spec(), entry->undo, host_).status();
  if (status.ok()) {
    LogFault(spdlog::level::info, entry->fault, "its names have new addresses: {}", summary);
    Notify(*entry);
  } else {
    entry->undo = before;
    WarnOfOldAddresses(*entry, status);
  }
}

void Engine::WarnOfOldAddresses(const Entry& entry, const Status& why) {
  LogFault(spdlog::level::warn, entry.fault, "keeping the addresses it has: {}",
           std::string(why.message()));
}

}  // namespace faultd

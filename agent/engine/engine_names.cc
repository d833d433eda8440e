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
  Entry* entry = Find(id);
  if (entry == nullptr || entry->fault.state() != v1::FAULT_STATE_ACTIVE) return;
  ResolveAll(entry->kind->names(entry->request.spec()),
             [this, id](StatusOr<ResolvedNames> resolved) {
               Entry* active = Find(id);
               if (active == nullptr || active->fault.state() != v1::FAULT_STATE_ACTIVE) return;
               active->resolve_timer =
                   loop_.At(clock_.Now() + lookups_.interval, [this, id] { RefreshNames(id); });
               if (!resolved.ok()) {
                 LogFault(spdlog::level::warn, active->fault, "keeping the addresses it has: {}",
                          std::string(resolved.status().message()));
                 return;
               }
               NoteAddresses(*active, *resolved);
               ApplyNames(*active);
             });
}

// Plans anew with all addresses in use and, when that changes the undo record, writes it and
// injects again, which changes the fault without a gap. On error the fault stays as it is until the
// next look-up.
void Engine::ApplyNames(Entry& entry) {
  const ResolvedNames names = NamesInUse(entry);
  const std::string& id = entry.fault.id();
  StatusOr<FaultPlan> plan = entry.kind->plan(entry.request.spec(), names, host_);
  Status status = plan.status();
  if (status.ok() && plan->undo.SerializeAsString() != entry.undo.SerializeAsString()) {
    const v1::Undo before = std::exchange(entry.undo, plan->undo);
    status = WriteRecord(entry);
    if (status.ok())
      status = entry.kind->inject(id, entry.request.spec(), entry.undo, host_).status();
    if (status.ok()) {
      LogFault(spdlog::level::info, entry.fault, "its names have new addresses: {}", plan->summary);
      Notify(entry);
    } else {
      entry.undo = before;
    }
  }
  if (!status.ok()) {
    LogFault(spdlog::level::warn, entry.fault, "keeping the addresses it has: {}",
             std::string(status.message()));
  }
}

}  // namespace faultd

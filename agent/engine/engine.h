#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/caller.h"
#include "engine/guard_watcher.h"
#include "engine/journal.h"
#include "engine/loop.h"
#include "engine/policy.h"
#include "engine/request.h"
#include "engine/resolver.h"
#include "engine/safety_lever.h"
#include "engine/worker.h"
#include "faultd/v1/fault_service.pb.h"
#include "faults/fault_kind.h"

namespace faultd {

// How often names in faults are looked up again, and for how long an address that a name has no
// longer is still treated as its own.
struct NameLookups {
  std::chrono::nanoseconds interval = std::chrono::seconds(15);
  std::chrono::nanoseconds grace = std::chrono::seconds(60);
};

// All faults of this daemon and their lives: validate, plan, journal, inject, verify, ACTIVE,
// revert, verify, delete the record. Everything happens on the loop's thread, where callbacks are
// called, but for what waits for the journal's disk: that is left to the worker.
class Engine {
 public:
  using FaultCallback = std::function<void(StatusOr<v1::Fault>)>;
  using PlanCallback = std::function<void(StatusOr<v1::PlanFaultResponse>)>;
  using WatchId = uint64_t;

  Engine(Host& host, Journal& journal, Worker& worker, Loop& loop, Resolver& resolver,
         const Clock& clock, std::string boot_id, NameLookups lookups);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Without one, faults with guards are refused. To be set once, before the first fault.
  void SetGuardWatcher(GuardWatcher* guards) { guards_ = guards; }

  // For new faults, renewals and new addresses of names from now on; what is active stays as it is.
  void SetPolicy(const Policy& policy);
  // Without one, everything may be injected. To be set once, before the first fault.
  void SetSafetyLever(SafetyLever* lever) { lever_ = lever; }

  // Takes up the records that a recovery has left to it, those of remote kinds, as faults that are
  // being reverted. For the start.
  Status TakeUpRecords();

  // Answers with the fault once it is ACTIVE, or with why it is not; then the host is as before.
  // Returns the fault's id, empty when the request was refused at once.
  std::string Inject(const v1::InjectFaultRequest& request, const Caller& caller,
                     FaultCallback done);

  // What Inject would do.
  void Plan(const v1::PlanFaultRequest& request, PlanCallback done);

  // NOT_FOUND. With the effect as of now.
  StatusOr<v1::Fault> Get(const std::string& id);
  // Fault::owner. NOT_FOUND.
  StatusOr<std::string> OwnerOf(const std::string& id);
  // In the order of creation. The effect is that of the last look (the kind says how often).
  std::vector<v1::Fault> List(bool include_ended);
  // The same in pages: up to `limit` faults created after the one with number `after` (0: from the
  // first), which then becomes the number of the last one returned, or 0 when there are no more.
  std::vector<v1::Fault> ListPage(bool include_ended, size_t limit, uint64_t& after);

  // Answers once the new lease counts. A lease that ends before that has ended: ABORTED.
  void Renew(const v1::RenewLeaseRequest& request, FaultCallback done);

  // Answers once the fault is seen gone. A fault that is over is answered at once.
  void Revert(const std::string& id, v1::EndReason reason, FaultCallback done);
  // Answers with the faults it reverted.
  void RevertAll(v1::EndReason reason, std::function<void(std::vector<v1::Fault>)> done);

  // Refuses injections, renewals and holds from now on and reverts all. Answers with the lever once
  // all is gone. Engaging it again keeps the first reason.
  void EngageLever(const std::string& reason, const std::string& actor,
                   std::function<void(v1::SafetyLever)> done);
  // ABORTED when it is engaged again meanwhile.
  void ReleaseLever(const std::string& actor, std::function<void(StatusOr<v1::SafetyLever>)> done);

  // Keeps a PENDING or ACTIVE fault alive only as long as its holder: FAILED_PRECONDITION when it
  // has one.
  Status Hold(const std::string& id, const std::string& actor);
  // The holder is gone: reverts after `grace`, unless it is held again by then.
  void Release(const std::string& id, std::chrono::nanoseconds grace);

  // Calls `each` for every change of a fault until Unwatch. It must not call back into the engine.
  WatchId Watch(std::function<void(const v1::Fault&)> each);
  void Unwatch(WatchId watch);
  // Calls `changed` with active_count() whenever it has changed. To be set once.
  void WatchCount(std::function<void(size_t active)> changed) {
    count_changed_ = std::move(changed);
  }
  // What somebody who only sees the records cannot know of a fault:
  enum class RecordNews {
    kBegun,  // its first record is about to be written
    kGoing,  // its effect is over, something of it is still on its way out; told twice a second
    kGone,   // it was seen gone, and its record is about to be removed
    kWaits,  // it is reverted once a file system is mounted, and nobody else could do it before
  };
  // To be set once.
  void WatchRecords(std::function<void(const std::string& id, RecordNews news)> tell) {
    tell_of_record_ = std::move(tell);
  }

  // From now on nothing is accepted; reverts all and calls `done` when all is gone. Remote faults
  // that cannot be reverted within kRemoteGrace stay in the journal for the next start.
  void Shutdown(std::function<void()> done);

  size_t active_count() const { return active_; }
  Host& host() { return host_; }

 private:
  static constexpr std::chrono::seconds kRemoteGrace{20};

  // Addresses and CIDRs of a name, and when each was last seen.
  using SeenAddresses = std::map<std::string, BootTime>;
  struct Entry {
    v1::Fault fault;
    v1::InjectFaultRequest request;  // without its spec, which is in `fault`
    size_t bytes = 0;                // that the request takes in memory
    const FaultKind* kind = nullptr;
    v1::Undo undo;
    uint64_t number = 0;  // order of creation
    BootTime deadline{0};
    BootTime turn_by{0};  // is not injected if its turn comes later
    // When the lease timer ends it: before the deadline while a shorter lease is written.
    BootTime lease_end{0};
    bool journaled = false;  // a record may be on disk
    bool touched = false;    // inject was called
    bool all_traffic = false;
    int attempts = 0;
    BootTime told_of_going{0};
    Status error;
    std::map<std::string, SeenAddresses> names;
    std::unique_ptr<GuardWatcher::Watch> guards;
    int lookups = 0;  // under way
    Loop::TimerId lease_timer = Loop::kNoTimer;
    Loop::TimerId check_timer = Loop::kNoTimer;
    Loop::TimerId resolve_timer = Loop::kNoTimer;
    Loop::TimerId retry_timer = Loop::kNoTimer;
    Loop::TimerId grace_timer = Loop::kNoTimer;
    std::vector<FaultCallback> when_active;
    std::vector<FaultCallback> when_over;
  };

  // engine_inject.cc, in the order in which they happen
  Status CheckWishNow(const FaultKind& kind, std::optional<std::chrono::nanoseconds> lease,
                      bool all_traffic = false) const;
  static bool AskedFor(const Entry& entry, const v1::InjectFaultRequest& request);
  StatusOr<Entry*> Create(const v1::InjectFaultRequest& request, const Caller& caller);
  StatusOr<size_t> FindMemory(const v1::InjectFaultRequest& request) const;
  void StartGuards(Entry& entry);
  void ResolveNames(Entry& entry);
  void Survey(Entry& entry);
  void AwaitTurn(Entry& entry);
  void Activate(const std::string& id);
  Status PlanEntry(Entry& entry);
  void ContinueInject(const std::string& id);
  void AnswerRepeated(Entry& entry, FaultCallback done);
  StatusOr<v1::PlanFaultResponse> PlanNow(const FaultKind& kind,
                                          const v1::PlanFaultRequest& request,
                                          const ResolvedNames& names);

  // engine_lease.cc
  Status CheckRenewal(const Entry& entry, const v1::RenewLeaseRequest& request) const;
  void WriteRenewal(const v1::RenewLeaseRequest& request, const FaultCallback& done);
  void FinishRenewal(const v1::RenewLeaseRequest& request, BootTime end, const Status& written,
                     const FaultCallback& done);
  void ArmLease(Entry& entry, BootTime end);
  void EndLeases();

  // engine_record.cc
  void InTurn(std::function<void()> begin);
  void EndTurn();
  void WriteRecord(const Entry& entry, BootTime deadline, std::function<void(const Status&)> done);
  void RemoveRecord(Entry& entry);
  void TellOfRecord(const std::string& id, RecordNews news) const;

  // engine.cc
  void Check(const std::string& id);
  void Forget(const std::string& id);
  Entry* Find(const std::string& id);
  Entry* FindIn(v1::FaultState state, const std::string& id);
  StatusOr<Entry*> Lookup(const std::string& id);
  void Count(size_t active);
  // The fault with the time that is left by now.
  const v1::Fault& Snapshot(Entry& entry) const;
  void Notify(Entry& entry);

  // engine_lever.cc
  Status LeverRefusal() const;

  // engine_revert.cc
  void StartRevert(Entry& entry, v1::EndReason reason);
  void EndEffects(const std::vector<std::string>& ids);
  void GiveUpRemote(const std::function<void()>& finish);
  void TakeLastLook(Entry& entry);
  void ContinueRevert(const std::string& id);
  void RetryRevert(Entry& entry, const Status& error);
  void Finish(Entry& entry);
  void Fail(Entry& entry, const Status& error);
  void TrimHistory();

  // engine_names.cc
  void ResolveAll(const std::vector<std::string>& names,
                  std::function<void(StatusOr<ResolvedNames>)> done);
  void StartLookups(Entry& entry);
  void RefreshNames(const std::string& id);
  void NoteAddresses(Entry& entry, const ResolvedNames& resolved);
  static ResolvedNames NamesInUse(const Entry& entry);
  void ApplyNames(const std::string& id);
  void InjectNames(const std::string& id, const std::string& summary, const v1::Undo& before,
                   const Status& written);
  static void WarnOfOldAddresses(const Entry& entry, const Status& why);

  Host& host_;
  Journal& journal_;
  Worker& worker_;
  Loop& loop_;
  Resolver& resolver_;
  const Clock& clock_;
  const std::string boot_id_;
  const NameLookups lookups_;
  Policy policy_;
  GuardWatcher* guards_ = nullptr;
  SafetyLever* lever_ = nullptr;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
  // Of those that are over, in the order of their ends: when, and the number, for the id.
  std::map<std::pair<BootTime, uint64_t>, std::string> history_;
  bool turn_taken_ = false;
  std::deque<std::function<void()>> turns_;  // that wait for it
  std::map<WatchId, std::function<void(const v1::Fault&)>> watches_;
  WatchId next_watch_ = 1;
  uint64_t next_number_ = 1;
  size_t active_ = 0;         // entries that are not over
  size_t active_bytes_ = 0;   // that these take
  size_t history_bytes_ = 0;  // that those in `history_` take
  std::function<void(size_t)> count_changed_;
  std::function<void(const std::string&, RecordNews)> tell_of_record_;
  bool stopping_ = false;
  Loop::TimerId remote_timer_ = Loop::kNoTimer;  // gives up on remote faults
  // Callbacks that outlive the engine do nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Whether a fault in this state is over.
bool IsOver(v1::FaultState state);

}  // namespace faultd

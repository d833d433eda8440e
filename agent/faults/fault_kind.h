#pragma once

#include <linux/capability.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/status.h"
#include "faultd/v1/fault.pb.h"
#include "faults/ecs/drains.h"
#include "faults/fault_policy.h"
#include "faults/net/plane.h"
#include "faults/stress/file_systems.h"
#include "kernel/kernel.h"
#include "kernel/privileges.h"

namespace faultd {

// What faults work on.
struct Host {
  Kernel& kernel;
  NetworkPlane& network;
  NetworkPolicy network_policy = {};
  StressPolicy stress_policy = {};
  // nullptr where nothing is injected, as in the guardian.
  FileSystems* file_systems = nullptr;
  EcsDrains* ecs = nullptr;       // nullptr where there is no network to be had, as in the guardian
  std::string journal_directory;  // empty: nothing is to be left for it
};

// Addresses and CIDRs of the names that FaultKind::names asked for.
using ResolvedNames = std::map<std::string, std::vector<IpPrefix>>;

struct FaultPlan {
  v1::Undo undo;
  std::vector<std::string> changes;   // what would change on the host, a sentence each
  std::vector<std::string> warnings;  // worth knowing, no obstacle
  std::string summary;                // what the fault does, in a line
  bool all_traffic = false;           // cuts the host off from nearly everybody
};

enum class CapabilityState { kAvailable, kLimited, kUnavailable, kNotApplicable };

struct Capability {
  CapabilityState state = CapabilityState::kAvailable;
  std::string reason;
  std::string remedy;
};

// The capabilities that putting the host back takes, whatever the kinds: links and rules, files in
// directories of others, and the guardian's OOM score and locked memory.
inline constexpr CapabilitySet kPutBack =
    CapabilityBit(CAP_NET_ADMIN) | CapabilityBit(CAP_DAC_OVERRIDE) |
    CapabilityBit(CAP_SYS_RESOURCE) | CapabilityBit(CAP_IPC_LOCK);

// One kind of fault: stateless functions over data, called on the loop's thread in this order:
// validate, names, plan, (the undo record is written durably), inject, observe …, revert. One
// source file defines one kind, and faults.def lists it. noop.cc is the example.
struct FaultKind {
  // Name of the arm in FaultSpec, Undo and Effect.
  std::string_view name;

  // Whether what it changes is still there after a reboot. If not, records of another boot need no
  // revert.
  bool survives_reboot;

  // How often an active fault is looked at, to see whether it still is.
  std::chrono::milliseconds observe_interval;

  // What the daemon needs beside kPutBack to run it.
  CapabilitySet capabilities = 0;

  // Between two calls of inject or revert, while they say that they are not done.
  std::chrono::milliseconds poll_interval{2};

  // Whether reverting it needs the network. Then recovery leaves its record to the daemon, which
  // takes it up as a fault that is being reverted and tries for as long as it takes.
  bool remote = false;

  // Whether the spec makes sense by itself. No side effects. Errors are FieldErrors whose paths
  // begin with "spec.".
  Status (*validate)(const v1::FaultSpec& spec);

  // Names in a valid spec that stand for addresses. The engine resolves them before plan and again
  // during the lease.
  std::vector<std::string> (*names)(const v1::FaultSpec& spec);

  // Gathers what plan needs to know and that takes a while, such as answers of AWS or of a disk,
  // and calls `done`, maybe from inside; plan then finds it in `host`. nullptr when there is
  // nothing to gather.
  void (*survey)(const v1::FaultSpec& spec, Host& host, std::function<void(Status)> done) = nullptr;

  // What inject would do on this host. Only reads.
  StatusOr<FaultPlan> (*plan)(const v1::FaultSpec& spec, const ResolvedNames& names, Host& host);

  // Makes the fault and sees it in the kernel; returns where it was seen, in words, or nullopt when
  // it is begun but not to be seen yet: call again soon. Called again with a newer undo when names
  // have new addresses: then changes it without a gap. May fail half-way: revert puts back what was
  // done.
  StatusOr<std::optional<std::string>> (*inject)(const std::string& id, const v1::FaultSpec& spec,
                                                 const v1::Undo& undo, Host& host);

  // Puts back what inject changed, from the record alone: in this process or another one, once or
  // again, after an inject that did all, part or nothing. `true` when it was seen gone, `false`
  // when the effect is over but something is still on its way out: call again soon.
  StatusOr<bool> (*revert)(const std::string& id, const v1::Undo& undo, Host& host);

  // What people should know about how its revert ended, such as that the host was left as it is for
  // a reason; empty for nothing. nullptr when there never is anything.
  std::string (*remark)(const std::string& id, Host& host) = nullptr;

  // What an active fault has done so far. DATA_LOSS when it is not in force any more.
  StatusOr<v1::Effect> (*observe)(const std::string& id, Host& host);

  // Whether this host can run it.
  Capability (*capability)(Host& host);
};

// All kinds, in the order of faults.def.
const std::vector<const FaultKind*>& FaultKinds();

// The kind of a spec or undo; nullptr when none is set.
const FaultKind* KindOf(const v1::FaultSpec& spec);
const FaultKind* KindOf(const v1::Undo& undo);

}  // namespace faultd

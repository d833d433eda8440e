#include "faults/net/network_fault.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "base/units.h"
#include "faults/net/traffic_policy.h"

namespace faultd {
namespace {

// The interfaces that are named, else those of the default routes.
StatusOr<std::vector<std::string>> InterfacesFor(const v1::NetworkTarget& target, Links& links) {
  std::vector<std::string> names;
  for (const std::string& name : target.interfaces()) {
    auto link = links.Get(name);
    if (absl::IsNotFound(link.status())) {
      return PreconditionError("INTERFACE", name,
                               StrCat("there is no interface ", name, "; `ip link` lists them"));
    }
    RETURN_IF_ERROR(link.status());
    if (IsOurs(*link)) {
      return PreconditionError("INTERFACE", name,
                               StrCat(name, " is a link of faultd itself; name another one"));
    }
    names.push_back(name);
  }
  if (names.empty()) {
    ASSIGN_OR_RETURN(const std::vector<Link> defaults, links.DefaultRouteLinks());
    for (const Link& link : defaults) names.push_back(link.name);
  }
  if (names.empty()) {
    return PreconditionError("INTERFACE", "default route",
                             "this host has no default route, so there is no interface to take; "
                             "name one in `interfaces`");
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// Whether nothing, part or all of the traffic is never touched.
enum class Protection { kNone, kPart, kAll };

Protection ProtectionOf(const TrafficSet& traffic, const std::vector<PacketMatch>& protect) {
  TrafficSet rest = traffic;
  rest.except.insert(rest.except.end(), protect.begin(), protect.end());
  if (Simplify(std::move(rest)).empty()) return Protection::kAll;
  for (const PacketMatch& match : traffic.match) {
    for (const PacketMatch& spared : protect) {
      // What is spared at every address (DHCP) is not worth a word.
      if (!spared.remote.IsAll() && Intersect(match, spared)) return Protection::kPart;
    }
  }
  return Protection::kNone;
}

std::string DirectionWords(const v1::NetworkTarget& target) {
  const auto directions = DirectionsOf(target);
  if (directions.size() == 2) return "both directions";
  return directions.front() == Direction::kEgress ? "egress" : "ingress";
}

ResolvedNames NamesFrom(const v1::NetworkUndo& undo) {
  ResolvedNames names;
  for (const v1::ResolvedName& each : undo.names()) {
    for (const std::string& text : each.addresses()) {
      if (auto address = IpPrefix::Parse(text); address.ok())
        names[each.name()].push_back(*address);
    }
  }
  return names;
}

}  // namespace

StatusOr<FaultPlan> PlanNetworkFault(const v1::NetworkTarget& target, std::string_view target_path,
                                     const PacketEffect& effect, const std::string& words,
                                     const ResolvedNames& names, Host& host,
                                     v1::NetworkUndo& undo) {
  FaultPlan plan;
  ASSIGN_OR_RETURN(const TrafficSet traffic, TrafficOf(target, names));
  if (traffic.empty()) {
    return FieldError(StrCat(target_path, ".except"),
                      "leaves nothing of the target; there would be no packet to hit");
  }
  RETURN_IF_ERROR(CheckTraffic(target, traffic, host.network_policy));
  plan.all_traffic = IsAllTraffic(target, traffic);
  const Protection protection = ProtectionOf(traffic, host.network.protect());
  if (protection == Protection::kAll) {
    return DeniedError(
        "protect",
        StrCat(
            Describe(target),
            " is never cut off (rule protect: instance metadata, the resolver, "
            "the orchestrator's and AWS control endpoints, and [protect] in the configuration)"));
  }
  if (protection == Protection::kPart) {
    plan.warnings.push_back(
        "part of the target is never cut off and will pass untouched (rule protect)");
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> interfaces,
                   InterfacesFor(target, host.kernel.links()));
  ASSIGN_OR_RETURN(const std::vector<OwnHook> hooks, host.kernel.steering().HooksToOwn(interfaces));
  for (const std::string& interface : interfaces) {
    undo.add_interfaces(interface);
    plan.changes.push_back(StrCat("steer ", Describe(target), " (", DirectionWords(target), ") on ",
                                  interface, " with ", host.kernel.steering().name()));
  }
  for (const OwnHook& hook : hooks) {
    undo.add_clsact_interfaces(hook.interface);
    undo.add_clsact_indexes(hook.ifindex);
    plan.changes.push_back(StrCat("add a clsact qdisc to ", hook.interface));
  }
  undo.set_steering(std::string(host.kernel.steering().name()));
  const bool netem =
      !effect.blackhole && (host.kernel.features().netem.ok() || effect.netem.loss == 0);
  plan.changes.push_back(netem ? StrCat("add an ifb link with netem: ", words)
                               : "add an ifb link that swallows packets");
  for (const auto& [name, addresses] : names) {
    v1::ResolvedName* resolved = undo.add_names();
    resolved->set_name(name);
    for (const IpPrefix& address : addresses) resolved->add_addresses(address.ToString());
    plan.changes.push_back(StrCat("treat ", name, " as ",
                                  absl::StrJoin(resolved->addresses(), ", "),
                                  ", and look it up again"));
  }
  plan.summary = StrCat(words, " to ", Describe(target), ", ", DirectionWords(target), " of ",
                        absl::StrJoin(interfaces, ", "));
  return plan;
}

StatusOr<std::optional<std::string>> InjectNetworkFault(const std::string& id,
                                                        const v1::NetworkTarget& target,
                                                        const PacketEffect& effect,
                                                        const v1::NetworkUndo& undo, Host& host) {
  PlacedFault placed;
  placed.fault.id = id;
  placed.fault.effect = effect;
  ASSIGN_OR_RETURN(placed.fault.traffic, TrafficOf(target, NamesFrom(undo)));
  placed.interfaces.assign(undo.interfaces().begin(), undo.interfaces().end());
  placed.directions = DirectionsOf(target);
  RETURN_IF_ERROR(host.network.Set(std::move(placed)));
  return host.network.Describe(id);
}

StatusOr<bool> RevertNetworkFault(const std::string& id, const v1::NetworkUndo& undo, Host& host) {
  std::vector<OwnHook> hooks;
  for (int i = 0; i < undo.clsact_interfaces_size(); ++i) {
    const int ifindex = i < undo.clsact_indexes_size() ? undo.clsact_indexes(i) : 0;
    hooks.push_back({undo.clsact_interfaces(i), ifindex});
  }
  // What this process has made it knows, and what it has removed may be somebody else's by now.
  if (!host.network.placed(id)) host.network.AdoptHooks(hooks);
  return host.network.Remove(id);
}

Capability NetworkCapability(Host& host, bool needs_netem) {
  const NetworkFeatures& features = host.kernel.features();
  const bool flower = host.kernel.steering().name() == "flower";
  const Status& steering = flower ? features.flower : features.nftables;
  // The messages name what to install, where that is known.
  constexpr char kRemedy[] = "do what the reason says, then try again; no restart is needed";
  for (const Status* needed : {&features.ifb, &steering, &features.netem}) {
    if (needed == &features.netem && !needs_netem && !flower) continue;
    if (!needed->ok())
      return {CapabilityState::kUnavailable, std::string(needed->message()), kRemedy};
  }
  if (flower) {
    return {CapabilityState::kLimited,
            "steered with clsact and flower: after a crash the guardian ends faults, not the "
            "kernel; no flows_percent",
            StrCat("run Linux 5.17 or newer (", features.nftables.message(), ")")};
  }
  return {CapabilityState::kAvailable,
          "steered with an owned nftables table: the kernel ends it when the daemon dies", ""};
}

}  // namespace faultd

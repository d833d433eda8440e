// What the plane's faults are doing in the kernel.
#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "faults/net/plane.h"

namespace faultd {
namespace {

Status NotActive(const std::string& id) {
  return absl::NotFoundError(StrCat("network fault ", id, " is not active"));
}

PacketCounter CounterOf(const SteeringState& state, const std::string& name) {
  auto found = state.counters.find(name);
  return found == state.counters.end() ? PacketCounter{} : found->second;
}

}  // namespace

StatusOr<v1::NetworkEffect> NetworkPlane::Observe(const std::string& id) {
  if (!active(id)) return NotActive(id);
  Complete();
  ASSIGN_OR_RETURN(const SteeringState* seen,
                   steering_.Get(clock_, [this] { return kernel_.steering().Read(); }));
  const SteeringState& state = *seen;
  RETURN_IF_ERROR(CheckRules(id, state));
  v1::NetworkEffect effect;
  if (auto earlier = earlier_.find(id); earlier != earlier_.end()) effect = earlier->second;
  const PacketCounter matched = CounterOf(state, id);
  effect.set_packets_matched(matched.packets);
  effect.set_bytes_matched(matched.bytes);
  effect.set_packets_dropped(effect.packets_dropped() +
                             CounterOf(state, DroppedCounter(id)).packets);
  for (const auto& [members, link] : links_) {
    if (!link.has_netem || std::count(members.begin(), members.end(), id) == 0) continue;
    ASSIGN_OR_RETURN(const NetemState netem, kernel_.qdiscs().GetNetem(link.link.index));
    AddNetemState(link.netem, netem, effect);
    effect.set_packets_queued(effect.packets_queued() + netem.packets_queued);
  }
  return effect;
}

void NetworkPlane::AddNetemState(const Netem& netem, const NetemState& state,
                                 v1::NetworkEffect& effect) {
  effect.set_packets_dropped(effect.packets_dropped() + state.packets_dropped);
  effect.set_packets_overlimit(effect.packets_overlimit() + state.packets_overlimit);
  if (netem.delay.count() > 0) {
    effect.set_packets_delayed(effect.packets_delayed() + state.packets_sent);
  }
}

// An interface that goes away takes its rules along. That ends a fault when it was the last one,
// and does not concern the faults on other interfaces.
Status NetworkPlane::CheckRules(const std::string& id, const SteeringState& state) {
  size_t expected = 0;
  bool in_table = false;
  for (const SteeringChain& chain : table_) {
    expected += chain.rules.size();
    for (const SteeringRule& rule : chain.rules) {
      in_table |= std::count(rule.counters.begin(), rule.counters.end(), id) > 0;
    }
  }
  if (!in_table) {
    return absl::DataLossError(StrCat("fault ", id,
                                      " has no rules any more: its interface is "
                                      "gone, or no link could be made for its packets"));
  }
  if (state.rules >= expected) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<Link> present, kernel_.links().List());
  size_t expected_still = 0;
  bool in_force = false;
  for (const SteeringChain& chain : table_) {
    if (std::none_of(present.begin(), present.end(),
                     [&](const Link& link) { return link.index == chain.ifindex; })) {
      continue;
    }
    expected_still += chain.rules.size();
    for (const SteeringRule& rule : chain.rules) {
      in_force |= std::count(rule.counters.begin(), rule.counters.end(), id) > 0;
    }
  }
  if (in_force && state.rules >= expected_still) return absl::OkStatus();
  return absl::DataLossError(StrCat("the rules of fault ", id, " are gone from the kernel",
                                    in_force ? "" : ", as is the interface they were on"));
}

StatusOr<std::string> NetworkPlane::Describe(const std::string& id) {
  if (!active(id)) return NotActive(id);
  size_t rules = 0;
  std::set<int> used;
  for (const SteeringChain& chain : table_) {
    for (const SteeringRule& rule : chain.rules) {
      if (std::count(rule.counters.begin(), rule.counters.end(), id) == 0) continue;
      ++rules;
      used.insert(rule.link_index);
    }
  }
  std::vector<std::string> links;
  for (const auto& [members, link] : links_) {
    if (!used.contains(link.link.index)) continue;
    links.push_back(StrCat(members.empty() ? "into " : "netem on ", link.link.name));
  }
  return StrCat(rules, rules == 1 ? " rule in " : " rules in ", kernel_.steering().name(), ", ",
                absl::StrJoin(links, ", "));
}

StatusOr<std::vector<std::string>> NetworkPlane::FindLeftovers() {
  std::vector<std::string> leftovers;
  ASSIGN_OR_RETURN(const std::vector<Link> present, kernel_.links().List());
  const std::set<int> known = KnownLinks();
  for (const Link& link : present) {
    if (IsOurs(link) && !known.contains(link.index)) leftovers.push_back("link " + link.name);
  }
  if (faults_.empty()) {
    ASSIGN_OR_RETURN(const SteeringState state, kernel_.steering().Read());
    leftovers.insert(leftovers.end(), state.names.begin(), state.names.end());
  }
  return leftovers;
}

}  // namespace faultd

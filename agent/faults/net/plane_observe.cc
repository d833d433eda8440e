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
  ASSIGN_OR_RETURN(const SteeringState state, kernel_.steering().Read());
  if (!state.present) {
    return absl::DataLossError(StrCat("the rules of fault ", id, " are gone from the kernel"));
  }
  v1::NetworkEffect effect;
  const PacketCounter matched = CounterOf(state, id);
  effect.set_packets_matched(matched.packets);
  effect.set_bytes_matched(matched.bytes);
  uint64_t dropped = CounterOf(state, id + ".dropped").packets;
  if (auto earlier = dropped_earlier_.find(id); earlier != dropped_earlier_.end())
    dropped += earlier->second;
  for (const auto& [members, link] : links_) {
    if (!link.has_netem || std::count(members.begin(), members.end(), id) == 0) continue;
    ASSIGN_OR_RETURN(const NetemState netem, kernel_.qdiscs().GetNetem(link.link.index));
    dropped += netem.packets_dropped;
    if (link.netem.delay.count() > 0) {
      effect.set_packets_delayed(effect.packets_delayed() + netem.packets_sent);
    }
    effect.set_packets_queued(effect.packets_queued() + netem.packets_queued);
    effect.set_packets_overlimit(effect.packets_overlimit() + netem.packets_overlimit);
  }
  effect.set_packets_dropped(dropped);
  return effect;
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
  for (const Link& link : present) {
    if (!IsOurs(link)) continue;
    const auto is_link = [&](const Link& known) { return known.index == link.index; };
    const bool used = std::any_of(links_.begin(), links_.end(),
                                  [&](const auto& each) { return is_link(each.second.link); }) ||
                      std::any_of(retiring_.begin(), retiring_.end(),
                                  [&](const auto& each) { return is_link(each.link.link); });
    if (!used) leftovers.push_back("link " + link.name);
  }
  if (faults_.empty()) {
    ASSIGN_OR_RETURN(const SteeringState state, kernel_.steering().Read());
    leftovers.insert(leftovers.end(), state.names.begin(), state.names.end());
  }
  return leftovers;
}

}  // namespace faultd

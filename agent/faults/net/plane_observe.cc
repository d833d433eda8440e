// What the plane's faults are doing in the kernel.
#include <algorithm>
#include <set>
#include <span>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "faults/net/plane.h"

namespace faultd {
namespace {

Status NotActive(const std::string& id) {
  return absl::NotFoundError(StrCat("network fault ", id, " is not active"));
}

Status SomebodyElse(std::string_view how, const Link& made) {
  return absl::DataLossError(StrCat("somebody else has ", how, " link ", made.name));
}

PacketCounter CounterOf(const SteeringState& state, const std::string& name) {
  auto found = state.counters.find(name);
  return found == state.counters.end() ? PacketCounter{} : found->second;
}

}  // namespace

StatusOr<v1::NetworkEffect> NetworkPlane::Observe(const std::string& id) {
  if (!active(id)) return NotActive(id);
  Complete();
  ASSIGN_OR_RETURN(const Look* look, look_.Get(clock_, [this] { return LookAtKernel(); }));
  RETURN_IF_ERROR(CheckRules(id, *look));
  v1::NetworkEffect effect;
  if (auto earlier = earlier_.find(id); earlier != earlier_.end()) effect = earlier->second;
  const PacketCounter matched = CounterOf(look->steering, id);
  effect.set_packets_matched(matched.packets);
  effect.set_bytes_matched(matched.bytes);
  effect.set_packets_dropped(effect.packets_dropped() +
                             CounterOf(look->steering, DroppedCounter(id)).packets);
  for (const auto* entry : LinksOf(id)) {
    const auto& [members, link] = *entry;
    RETURN_IF_ERROR(Annotate(CheckLink(link.link, look->links), StrCat("fault ", id)));
    RETURN_IF_ERROR(Annotate(CheckNetem(link, look->netem), StrCat("fault ", id)));
    if (!link.has_netem || members.empty()) continue;
    const NetemState& netem = look->netem.at(link.link.index);
    AddNetemState(link.netem, netem, effect);
    effect.set_packets_queued(effect.packets_queued() + netem.packets_queued);
  }
  return effect;
}

StatusOr<NetworkPlane::Look> NetworkPlane::LookAtKernel() {
  Look look;
  ASSIGN_OR_RETURN(look.steering, kernel_.steering().Read());
  ASSIGN_OR_RETURN(look.links, ListLinks());
  if (std::ranges::any_of(links_, [](const auto& each) { return each.second.has_netem; })) {
    ASSIGN_OR_RETURN(look.netem, kernel_.qdiscs().ListNetem());
  }
  return look;
}

void NetworkPlane::AddNetemState(const Netem& netem, const NetemState& state,
                                 v1::NetworkEffect& effect) {
  effect.set_packets_dropped(effect.packets_dropped() + state.packets_dropped);
  effect.set_packets_overlimit(effect.packets_overlimit() + state.packets_overlimit);
  if (netem.delay.count() > 0) {
    effect.set_packets_delayed(effect.packets_delayed() + state.packets_sent);
  }
}

// An interface that goes away takes its rules along, and as of Linux 6.16 nftables lets go of one
// that gets another name. That ends a fault when it was the last one, and does not concern the
// faults on other interfaces.
Status NetworkPlane::CheckRules(const std::string& id, const Look& look) const {
  const auto is_hooked = [&](const SteeringChain& chain) {
    const auto found = look.links.find(chain.ifindex);
    return found != look.links.end() && found->second.name == chain.interface;
  };
  const std::span<const Place> places = PlacesOf(id);
  if (places.empty()) {
    return absl::DataLossError(StrCat("fault ", id,
                                      " has no rules any more: its interface is "
                                      "gone, or no link could be made for its packets"));
  }
  if (std::ranges::none_of(places, [&](const Place& place) { return is_hooked(*place.chain); })) {
    return absl::DataLossError(
        StrCat("the interface of fault ", id, " is gone, or has another name"));
  }
  size_t expected = 0;
  for (const SteeringChain& chain : table_) {
    if (is_hooked(chain)) expected += chain.rules.size();
  }
  if (look.steering.rules >= expected) return absl::OkStatus();
  return absl::DataLossError(StrCat("the rules of fault ", id, " are gone from the kernel"));
}

// A link that somebody else has changed makes a fault another one: packets sent to a link that is
// gone or down vanish, and pass one that has no netem, or was down and is up.
Status NetworkPlane::CheckLink(const Link& made, const PresentLinks& present) {
  const auto found = present.find(made.index);
  if (found == present.end()) return SomebodyElse("deleted", made);
  const Link& now = found->second;
  if (!IsOurs(now)) return SomebodyElse("replaced", made);
  if (now.up != made.up) return SomebodyElse(now.up ? "brought up" : "brought down", made);
  return absl::OkStatus();
}

Status NetworkPlane::CheckNetem(const FaultLink& made, const PresentNetem& present) {
  if (!made.has_netem) return absl::OkStatus();
  const auto found = present.find(made.link.index);
  if (found == present.end()) return SomebodyElse("removed netem from", made.link);
  if (!SameWithinRounding(found->second.netem, made.netem))
    return SomebodyElse("changed netem on", made.link);
  return absl::OkStatus();
}

std::span<const NetworkPlane::Place> NetworkPlane::PlacesOf(const std::string& id) const {
  const auto found = places_.find(id);
  return found == places_.end() ? std::span<const Place>() : found->second;
}

std::set<const NetworkPlane::FaultLinks::value_type*> NetworkPlane::LinksOf(
    const std::string& id) const {
  std::set<const FaultLinks::value_type*> links;
  for (const Place& place : PlacesOf(id)) links.insert(place.link);
  return links;
}

StatusOr<std::string> NetworkPlane::Describe(const std::string& id) {
  if (!active(id)) return NotActive(id);
  const size_t rules = PlacesOf(id).size();
  std::vector<std::string> links;
  for (const auto* entry : LinksOf(id)) {
    const auto& [members, link] = *entry;
    links.push_back(StrCat(members.empty() ? "into " : "netem on ", link.link.name));
  }
  std::ranges::sort(links);
  return StrCat(rules, rules == 1 ? " rule in " : " rules in ", kernel_.steering().name(), ", ",
                absl::StrJoin(links, ", "));
}

StatusOr<std::vector<std::string>> NetworkPlane::FindLeftovers() {
  std::vector<std::string> leftovers;
  ASSIGN_OR_RETURN(const PresentLinks present, ListLinks());
  const std::set<int> known = KnownLinks();
  for (const auto& [index, link] : present) {
    if (IsOurs(link) && !known.contains(index)) leftovers.push_back("link " + link.name);
  }
  if (faults_.empty()) {
    ASSIGN_OR_RETURN(const SteeringState state, kernel_.steering().Read());
    leftovers.insert(leftovers.end(), state.names.begin(), state.names.end());
  }
  return leftovers;
}

}  // namespace faultd

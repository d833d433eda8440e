// How the plane turns faults into links and rules.
#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "faults/net/plane.h"
#include "kernel/modules.h"

namespace faultd {
namespace {

// Links in a network namespace are few enough for a search by name.
const Link* FindLink(const std::map<int, Link>& links, std::string_view name) {
  const auto found =
      std::ranges::find_if(links, [&](const auto& each) { return each.second.name == name; });
  return found == links.end() ? nullptr : &found->second;
}

// A link is not replaced, and what it holds back not disturbed, for the sake of its limit alone.
bool SameButLimit(Netem a, const Netem& b) {
  a.limit = b.limit;
  return a == b;
}

constexpr std::string_view kBlackholeName = "faultd-null";

}  // namespace

Status NetworkPlane::BuildDraft(const std::map<std::string, PlacedFault>& faults,
                                const std::vector<std::string>& order, const std::string& cause,
                                Draft& draft) {
  ASSIGN_OR_RETURN(draft.present, ListLinks());
  std::set<std::string> interfaces;
  for (const auto& [id, placed] : faults) {
    interfaces.insert(placed.interfaces.begin(), placed.interfaces.end());
  }
  // An interface that went away took its rules with it.
  std::erase_if(interfaces, [&](const std::string& interface) {
    return FindLink(draft.present, interface) == nullptr;
  });
  if (auto added = faults.find(cause); added != faults.end()) {
    const std::vector<std::string>& names = added->second.interfaces;
    const auto is_there = [&](const std::string& name) { return interfaces.contains(name); };
    if (std::none_of(names.begin(), names.end(), is_there)) {
      return PreconditionError("INTERFACE", absl::StrJoin(names, ", "),
                               StrCat(absl::StrJoin(names, ", "),
                                      " is gone; name an interface "
                                      "that is there"));
    }
  }
  // A link may serve several interfaces: the fastest decides.
  speed_bps_ = 0;
  for (const std::string& interface : interfaces) {
    speed_bps_ =
        std::max(speed_bps_, kernel_.links().SpeedBps(*FindLink(draft.present, interface)));
  }
  for (const std::string& interface : interfaces) {
    const Link* link = FindLink(draft.present, interface);
    for (Direction direction : {Direction::kEgress, Direction::kIngress}) {
      std::vector<NetworkFault> here;
      for (const std::string& id : order) {
        const PlacedFault& placed = faults.at(id);
        if (std::count(placed.interfaces.begin(), placed.interfaces.end(), interface) > 0 &&
            std::count(placed.directions.begin(), placed.directions.end(), direction) > 0) {
          here.push_back(placed.fault);
        }
      }
      if (here.empty()) continue;
      ASSIGN_OR_RETURN(const std::vector<TrafficClass> classes, Compile(here));
      SteeringChain chain{interface, link->index, direction, protect_, {}};
      for (const TrafficClass& each : classes) {
        ASSIGN_OR_RETURN(SteeringRule rule, BuildRule(each, here, draft));
        if (rule.link_index != 0) {
          chain.rules.push_back(std::move(rule));
        } else {
          draft.complete = false;
        }
      }
      draft.table.push_back(std::move(chain));
    }
  }
  return absl::OkStatus();
}

StatusOr<SteeringRule> NetworkPlane::BuildRule(const TrafficClass& traffic_class,
                                               std::span<const NetworkFault> faults, Draft& draft) {
  SteeringRule rule{.match = traffic_class.traffic.match, .except = traffic_class.traffic.except};
  Members members;
  for (size_t i : traffic_class.faults) members.push_back(faults[i].id);
  rule.counters = members;
  bool vanish = traffic_class.effect.blackhole;
  if (!vanish) {
    ASSIGN_OR_RETURN(const bool netem, CanUseNetem(traffic_class.effect.netem));
    if (!netem) {
      vanish = true;
      rule.share = traffic_class.effect.netem.loss;
    }
  }
  if (vanish) {
    for (const std::string& id : members) rule.forwarded_counters.push_back(DroppedCounter(id));
    members.clear();
  }
  RETURN_IF_ERROR(kernel_.steering().Supports(rule));
  ASSIGN_OR_RETURN(rule.link_index, LinkFor(members, traffic_class.effect, draft));
  return rule;
}

StatusOr<int> NetworkPlane::LinkFor(const Members& members, const PacketEffect& effect,
                                    Draft& draft) {
  Netem netem = members.empty() ? Netem{} : effect.netem;
  bool with_netem = !members.empty();
  if (members.empty() && kernel_.steering().name() == "flower") {
    // Redirecting to a link that is down makes older kernels tell the sender; netem swallows
    // silently.
    netem = Netem{.loss = 1};
    with_netem = true;
  }
  netem.limit = QueueLimit(netem);
  if (auto known = draft.links.find(members); known != draft.links.end())
    return known->second.link.index;
  if (auto kept = links_.find(members); kept != links_.end() &&
                                        SameButLimit(kept->second.netem, netem) &&
                                        CheckLink(kept->second.link, draft.present).ok()) {
    draft.links.insert(*kept);
    return kept->second.link.index;
  }
  if (!draft.may_create_links) return 0;
  ASSIGN_OR_RETURN(FaultLink link, MakeLink(members, with_netem ? &netem : nullptr, draft));
  link.netem = netem;
  const int index = link.link.index;
  draft.links.emplace(members, std::move(link));
  return index;
}

StatusOr<NetworkPlane::FaultLink> NetworkPlane::MakeLink(const Members& members, const Netem* netem,
                                                         Draft& draft) {
  // Names of links that are still being deleted, or are somebody else's, are passed by.
  constexpr int kTries = 1000;
  constexpr unsigned kNumbers = 100'000;
  const bool up = netem != nullptr;
  StatusOr<Link> link = absl::AlreadyExistsError("");
  if (members.empty()) link = kernel_.links().CreateIfb(kBlackholeName, up);
  for (int i = 0; absl::IsAlreadyExists(link.status()) && i < kTries; ++i) {
    link = kernel_.links().CreateIfb(StrCat(kLinkPrefix, next_link_++ % kNumbers), up);
  }
  RETURN_IF_ERROR(link.status());
  draft.created.push_back(*link);
  FaultLink made{*link, {}, netem != nullptr};
  if (netem == nullptr) return made;
  RETURN_IF_ERROR(kernel_.qdiscs().SetNetem(link->index, *netem));
  ASSIGN_OR_RETURN(const PresentNetem present, kernel_.qdiscs().ListNetem());
  const auto seen = present.find(link->index);
  if (seen == present.end() || !SameWithinRounding(seen->second.netem, *netem)) {
    return absl::InternalError(
        StrCat("verify netem on ", link->name, ": the kernel has other parameters than were set"));
  }
  return made;
}

StatusOr<bool> NetworkPlane::CanUseNetem(const Netem& netem) {
  Status missing = kernel_.features().netem;
  if (missing.ok()) return true;
  const bool only_uniform_loss =
      netem.delay.count() == 0 && !netem.burst_loss && netem.loss_correlation == 0;
  if (only_uniform_loss) return false;
  missing = kernel_.features(/*again=*/true).netem;
  if (missing.ok()) return true;
  return PreconditionError("MODULE", "sch_netem", ToStd(missing.message()));
}

uint32_t NetworkPlane::QueueLimit(const Netem& netem) {
  // What the interface can send while a packet is held back, in packets of 128 bytes: left at
  // netem's default of 1000 packets, delay turns into loss under load.
  constexpr double kUnknownSpeedBps = 10e9;
  constexpr double kPacketBits = 128 * 8;
  const double seconds = std::chrono::duration<double>(netem.delay + netem.jitter).count();
  const double speed = speed_bps_ == 0 ? kUnknownSpeedBps : static_cast<double>(speed_bps_);
  return static_cast<uint32_t>(std::clamp(1000 + seconds * speed / kPacketBits, 1000.0, 4e6));
}

}  // namespace faultd

#include "faults/net/plane.h"

#include <algorithm>
#include <iterator>

#include "base/strings.h"

namespace faultd {
namespace {

bool Contains(const std::vector<Link>& links, const Link& link) {
  return std::any_of(links.begin(), links.end(), [&](const Link& each) {
    return each.index == link.index && each.name == link.name;
  });
}

}  // namespace

Status NetworkPlane::Set(PlacedFault placed) {
  const std::string id = placed.fault.id;
  std::map<std::string, PlacedFault> faults = faults_;
  std::vector<std::string> order = order_;
  if (!faults.contains(id)) order.push_back(id);
  faults.insert_or_assign(id, std::move(placed));
  return Install(std::move(faults), std::move(order), id);
}

StatusOr<bool> NetworkPlane::Remove(const std::string& id) {
  if (faults_.contains(id)) {
    std::map<std::string, PlacedFault> faults = faults_;
    std::vector<std::string> order = order_;
    faults.erase(id);
    std::erase(order, id);
    Status status = Install(faults, order, id);
    if (!status.ok()) {
      // Ending this fault may need a new link for packets that the others share. When there is none
      // to be had, ending it comes first: those packets pass untouched.
      status = Install(std::move(faults), std::move(order), id, /*may_create_links=*/false);
    }
    RETURN_IF_ERROR(status);
  } else if (faults_.empty() && retiring_.empty()) {
    RETURN_IF_ERROR(Sweep());
    return true;
  }
  return AdvanceRetiring(id);
}

void NetworkPlane::AdoptHooks(const std::vector<std::string>& interfaces) {
  if (!interfaces.empty()) kernel_.steering().AdoptHooks(interfaces);
}

Status NetworkPlane::SetProtected(std::vector<PacketMatch> matches) {
  if (matches == protect_) return absl::OkStatus();
  std::swap(protect_, matches);
  Status status = Install(faults_, order_, "");
  if (!status.ok()) std::swap(protect_, matches);
  return Annotate(status, "protect connections");
}

// Links first, then the rules in one transaction, then a look at the kernel. Whatever fails, the
// rules before are still or again in force and the new links go.
Status NetworkPlane::Install(std::map<std::string, PlacedFault> faults,
                             std::vector<std::string> order, const std::string& cause,
                             bool may_create_links) {
  Draft draft{.may_create_links = may_create_links};
  Status status = BuildDraft(faults, order, draft);
  if (status.ok() && (draft.table != table_ || !draft.created.empty())) {
    status = kernel_.steering().Apply(draft.table);
    if (status.ok()) {
      auto state = kernel_.steering().Read();
      status = state.status();
      size_t rules = 0;
      for (const SteeringChain& chain : draft.table) rules += chain.rules.size();
      if (status.ok() && state->rules < rules) {
        status = absl::InternalError(
            StrCat("verify steering: ", state->rules, " rules in the kernel, expected ", rules));
      }
    }
    if (!status.ok()) {
      MergeStatus(status, Annotate(kernel_.steering().Apply(table_), "restore the rules before"));
    }
  }
  if (!status.ok()) {
    if (!draft.created.empty()) kernel_.links().DeleteInBackground(draft.created);
    return status;
  }
  RetireUnused(draft.links, cause);
  links_ = std::move(draft.links);
  table_ = std::move(draft.table);
  faults_ = std::move(faults);
  order_ = std::move(order);
  return absl::OkStatus();
}

void NetworkPlane::RetireUnused(const FaultLinks& wanted, const std::string& cause) {
  for (auto& [members, link] : links_) {
    if (wanted.contains(members)) continue;
    const auto longest =
        std::min<std::chrono::nanoseconds>(link.netem.delay + link.netem.jitter, kMaxDrain);
    if (link.has_netem) {
      if (auto state = kernel_.qdiscs().GetNetem(link.link.index); state.ok()) {
        for (const std::string& id : members) dropped_earlier_[id] += state->packets_dropped;
      }
    }
    retiring_.push_back({link, cause, clock_.Now() + longest, false});
  }
}

StatusOr<bool> NetworkPlane::AdvanceRetiring(const std::string& id) {
  std::vector<int> drained;
  for (RetiringLink& each : retiring_) {
    if (each.deleting) continue;
    bool empty = !each.link.has_netem || clock_.Now() >= each.drained_by;
    if (!empty) {
      auto state = kernel_.qdiscs().GetNetem(each.link.link.index);
      empty = !state.ok() || state->packets_queued == 0;
    }
    if (empty) {
      each.deleting = true;
      drained.push_back(each.link.link.index);
    }
  }
  if (!drained.empty()) kernel_.links().DeleteInBackground(std::move(drained));
  if (!retiring_.empty()) {
    ASSIGN_OR_RETURN(const std::vector<Link> present, kernel_.links().List());
    std::erase_if(retiring_, [&](const RetiringLink& each) {
      return each.deleting && !Contains(present, each.link.link);
    });
  }
  const bool gone = std::none_of(retiring_.begin(), retiring_.end(),
                                 [&](const RetiringLink& each) { return each.fault == id; });
  if (gone) dropped_earlier_.erase(id);
  return gone;
}

Status NetworkPlane::Sweep() {
  Status status = Annotate(kernel_.steering().Apply({}), "remove steering rules");
  auto links = kernel_.links().List();
  MergeStatus(status, links.status());
  if (!links.ok()) return status;
  std::vector<int> ours;
  for (const Link& link : *links) {
    if (IsOurs(link)) ours.push_back(link.index);
  }
  if (!ours.empty()) MergeStatus(status, kernel_.links().Delete(ours));
  return status;
}

}  // namespace faultd

#include "faults/net/plane.h"

#include <algorithm>
#include <iterator>

#include "base/strings.h"

namespace faultd {
namespace {

// How long a deletion may take in the background before it is asked for again.
constexpr std::chrono::seconds kDeletionPatience{1};

}  // namespace

StatusOr<NetworkPlane::PresentLinks> NetworkPlane::ListLinks() {
  ASSIGN_OR_RETURN(std::vector<Link> list, kernel_.links().List());
  PresentLinks links;
  for (Link& link : list) links.emplace(link.index, std::move(link));
  return links;
}

Status NetworkPlane::Set(PlacedFault placed) {
  const std::string id = placed.fault.id;
  placed_.insert(id);
  std::map<std::string, PlacedFault> faults = faults_;
  std::vector<std::string> order = order_;
  if (!faults.contains(id)) order.push_back(id);
  faults.insert_or_assign(id, std::move(placed));
  return Install(std::move(faults), std::move(order), id);
}

StatusOr<bool> NetworkPlane::Remove(const std::string& id) {
  StatusOr<bool> gone = RemoveStep(id);
  if (gone.ok() && *gone) placed_.erase(id);
  return gone;
}

StatusOr<bool> NetworkPlane::RemoveStep(const std::string& id) {
  if (faults_.contains(id)) {
    RETURN_IF_ERROR(TakeOut({id}, id));
  } else if (faults_.empty() && retiring_.empty()) {
    if (!clean_ || id.empty()) RETURN_IF_ERROR(Sweep());
    return true;
  } else if (!table_verified_) {
    RETURN_IF_ERROR(Install(faults_, order_, id));
  }
  Complete();
  return IsGone(id);
}

Status NetworkPlane::End(const std::vector<std::string>& ids) {
  std::vector<std::string> active = ids;
  std::erase_if(active, [this](const std::string& id) { return !faults_.contains(id); });
  return active.empty() ? absl::OkStatus() : TakeOut(active, "");
}

Status NetworkPlane::TakeOut(const std::vector<std::string>& ids, const std::string& cause) {
  std::map<std::string, PlacedFault> faults = faults_;
  for (const std::string& id : ids) faults.erase(id);
  std::vector<std::string> order = order_;
  std::erase_if(order, [&](const std::string& id) { return !faults.contains(id); });
  Status status = Install(faults, order, cause);
  if (!status.ok() && faults_.size() != faults.size()) {
    // Ending these faults may need a new link for packets that the others share. When there is none
    // to be had, ending them comes first: those packets pass untouched for now.
    status = Install(std::move(faults), std::move(order), cause, /*may_create_links=*/false);
  }
  return status;
}

void NetworkPlane::AdoptHooks(const std::vector<OwnHook>& hooks) {
  if (hooks.empty()) return;
  kernel_.steering().AdoptHooks(hooks);
  clean_ = false;
}

Status NetworkPlane::SetProtected(std::vector<PacketMatch> matches) {
  if (matches == protect_) return absl::OkStatus();
  std::swap(protect_, matches);
  Status status = Install(faults_, order_, "");
  if (!status.ok()) std::swap(protect_, matches);
  return Annotate(status, "protect connections");
}

// Links first, then the rules in one transaction, then a look at the kernel. When a fault cannot be
// added, the rules before are put in force again and the new links go. A removal stays, seen or
// not, for it comes first that the fault is over.
Status NetworkPlane::Install(std::map<std::string, PlacedFault> faults,
                             std::vector<std::string> order, const std::string& cause,
                             bool may_create_links) {
  clean_ = false;
  look_.Forget();
  waiting_.Forget();
  Draft draft{.may_create_links = may_create_links};
  Status status = BuildDraft(faults, order, cause, draft);
  bool stays = status.ok();
  if (status.ok() && (!table_verified_ || draft.table != table_ || !draft.created.empty())) {
    status = kernel_.steering().Apply(draft.table);
    stays = status.ok() && faults.size() < faults_.size();
    if (status.ok()) status = Verify(draft.table);
    stays |= status.ok();
    if (!stays) {
      MergeStatus(status, Annotate(kernel_.steering().Apply(table_), "restore the rules before"));
    }
    table_verified_ = status.ok();
  }
  if (!stays) {
    RetireCreated(draft.created, cause);
    return status;
  }
  RetireUnused(draft.links, cause);
  links_ = std::move(draft.links);
  table_ = std::move(draft.table);
  IndexRules();
  complete_ = draft.complete;
  faults_ = std::move(faults);
  order_ = std::move(order);
  return status;
}

void NetworkPlane::IndexRules() {
  places_.clear();
  std::map<int, const FaultLinks::value_type*> links;
  for (const auto& link : links_) links[link.second.link.index] = &link;
  for (const SteeringChain& chain : table_) {
    for (const SteeringRule& rule : chain.rules) {
      for (const std::string& id : rule.counters)
        places_[id].push_back({&chain, links.at(rule.link_index)});
    }
  }
}

// Perhaps there are links to be had now.
void NetworkPlane::Complete() {
  if (!complete_) Install(faults_, order_, "").IgnoreError();
}

Status NetworkPlane::Verify(const SteeringTable& table) {
  ASSIGN_OR_RETURN(const size_t present, kernel_.steering().CountRules());
  size_t rules = 0;
  for (const SteeringChain& chain : table) rules += chain.rules.size();
  // A mechanism may need several filters for one rule, but none for none.
  if (present >= rules && (rules > 0 || present == 0)) return absl::OkStatus();
  return absl::InternalError(
      StrCat("verify steering: ", present, " rules in the kernel, expected ", rules));
}

void NetworkPlane::RetireUnused(const FaultLinks& wanted, const std::string& cause) {
  std::optional<PresentNetem> present;
  for (auto& [members, link] : links_) {
    const auto kept = wanted.find(members);
    if (kept != wanted.end() && kept->second.link.index == link.link.index) continue;
    const auto longest =
        std::min<std::chrono::nanoseconds>(link.netem.delay + link.netem.jitter, kMaxDrain);
    if (link.has_netem) {
      if (!present) present = kernel_.qdiscs().ListNetem().value_or(PresentNetem());
      if (const auto state = present->find(link.link.index); state != present->end()) {
        for (const std::string& id : members)
          AddNetemState(link.netem, state->second, earlier_[id]);
      }
    }
    retiring_.push_back({link, members, cause, clock_.Now() + longest});
  }
}

void NetworkPlane::RetireCreated(const std::vector<Link>& created, const std::string& cause) {
  if (created.empty()) return;
  std::vector<int> indices;
  for (const Link& link : created) {
    retiring_.push_back({{.link = link}, {}, cause, BootTime{0}, clock_.Now() + kDeletionPatience});
    indices.push_back(link.index);
  }
  kernel_.links().DeleteInBackground(std::move(indices));
}

StatusOr<bool> NetworkPlane::IsGone(const std::string& id) {
  ASSIGN_OR_RETURN(const std::set<std::string>* waiting,
                   waiting_.Get(clock_, [&]() -> StatusOr<std::set<std::string>> {
                     RETURN_IF_ERROR(AdvanceRetiring(id));
                     return WaitingForLinks();
                   }));
  if (waiting->contains(id) || waiting->contains("")) return false;
  earlier_.erase(id);
  return true;
}

std::set<std::string> NetworkPlane::WaitingForLinks() const {
  std::set<std::string> waiting;
  for (const RetiringLink& each : retiring_) {
    waiting.insert(each.members.begin(), each.members.end());
    // One that nobody in particular has retired, the link that swallows packets, is everybody's.
    if (!each.fault.empty() || each.members.empty()) waiting.insert(each.fault);
  }
  return waiting;
}

Status NetworkPlane::AdvanceRetiring(const std::string& id) {
  ASSIGN_OR_RETURN(const PresentLinks present, ListLinks());
  std::erase_if(retiring_, [&](const RetiringLink& each) {
    const auto found = present.find(each.link.link.index);
    return found == present.end() || !IsOurs(found->second);
  });
  // What was made though the answer was an error.
  const std::set<int> known = KnownLinks();
  for (const auto& [index, link] : present) {
    if (IsOurs(link) && !known.contains(index)) retiring_.push_back({{.link = link}, {}, id});
  }
  std::optional<PresentNetem> netem;
  std::vector<int> drained;
  for (RetiringLink& each : retiring_) {
    if (clock_.Now() < each.deleting_until) continue;
    bool empty = !each.link.has_netem || clock_.Now() >= each.drained_by;
    if (!empty) {
      if (!netem) netem = kernel_.qdiscs().ListNetem().value_or(PresentNetem());
      const auto state = netem->find(each.link.link.index);
      empty = state == netem->end() || state->second.packets_queued == 0;
    }
    if (empty) {
      each.deleting_until = clock_.Now() + kDeletionPatience;
      drained.push_back(each.link.link.index);
    }
  }
  if (!drained.empty()) kernel_.links().DeleteInBackground(std::move(drained));
  clean_ = faults_.empty() && retiring_.empty() && table_verified_;
  return absl::OkStatus();
}

std::set<int> NetworkPlane::KnownLinks() const {
  std::set<int> known;
  for (const auto& [members, link] : links_) known.insert(link.link.index);
  for (const RetiringLink& each : retiring_) known.insert(each.link.link.index);
  return known;
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
  table_verified_ = status.ok();
  clean_ = status.ok();
  return status;
}

}  // namespace faultd

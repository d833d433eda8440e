#include "kernel/nft_steering.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "kernel/modules.h"
#include "kernel/netlink.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_chains.h"
#include "kernel/nft_plan.h"
#include "kernel/nft_state.h"

namespace faultd {
namespace {

using nft::Batch;
using nft::Plan;
using nft::Segment;
using nft::TableState;

// Room for the expressions of one rule is limited to 4 KiB in the kernel.
constexpr size_t kMaxCounters = 64;

constexpr std::chrono::milliseconds kOwnerGoneTimeout{500};
constexpr std::chrono::milliseconds kOwnerGoneInterval{2};

Status ExplainUnsupported(const Status& status) {
  const int error = ErrnoOf(status);
  if (error == EOPNOTSUPP || error == EAFNOSUPPORT || error == EPROTONOSUPPORT ||
      nft::IsRefusedTable(status)) {
    return PreconditionError(
        "KERNEL", "nf_tables",
        StrCat(
            status.message(),
            "; owned nftables tables that forward on ingress and egress need Linux 5.17 or newer "
            "with nf_tables"));
  }
  if (nft::IsMissingExpression(status)) {
    return PreconditionError(
        "MODULE", "nft_fwd_netdev",
        StrCat(status.message(), "; the kernel lacks nft_fwd_netdev, nft_numgen or nft_hash: ",
               ModulePackageHint("nft_fwd_netdev")));
  }
  return status;
}

// From one plan to the next.
struct Change {
  Change(const Plan& from, const Plan& to)
      : before(from),
        next(to),
        gone(nft::SegmentsOnlyIn(from, to)),
        added(nft::SegmentsOnlyIn(to, from)),
        actions_of_gone(nft::ActionsOf(gone)),
        actions_of_added(nft::ActionsOf(added)) {}

  const Plan& before;
  const Plan& next;
  const std::vector<const Segment*> gone;
  const std::vector<const Segment*> added;
  const std::set<std::string_view> actions_of_gone;  // those in both sets stay
  const std::set<std::string_view> actions_of_added;
};

// Deletes what is before and not next, and empties the base chains that stay, of those that are
// there.
void DeleteUnused(Batch& batch, const std::set<std::string>& present_bases, const Change& change) {
  const std::set<std::string> bases = change.next.BaseChains();
  for (const std::string& chain : present_bases) {
    if (bases.contains(chain)) {
      batch.DeleteRules(chain);
    } else {
      batch.DeleteChain(chain);
    }
  }
  for (const Segment* segment : change.gone) {
    if (!segment->in_base()) batch.DeleteChain(segment->chain);
    for (const std::string& chain : segment->classes) {
      if (!chain.empty()) batch.DeleteChain(chain);
    }
  }
  for (const std::string_view chain : change.actions_of_gone) {
    if (!change.actions_of_added.contains(chain)) batch.DeleteChain(chain);
  }
  for (const auto& [addresses, name] : change.before.sets) {
    if (!change.next.sets.contains(addresses)) batch.DeleteSet(name);
  }
  for (const std::string& counter : change.before.counters) {
    if (!change.next.counters.contains(counter)) batch.DeleteCounter(counter);
  }
}

// Adds what is next and not before, and fills the base chains.
void AddNew(Batch& batch, const SteeringTable& table, const Change& change,
            std::map<std::string, PacketCounter>& counted) {
  const Plan& next = change.next;
  for (const std::string& counter : next.counters) {
    if (!change.before.counters.contains(counter)) batch.AddCounter(counter, counted[counter]);
  }
  for (const auto& [addresses, name] : next.sets) {
    if (!change.before.sets.contains(addresses)) batch.AddSet(name, addresses);
  }
  const auto set_name = [&](const AddressSet& addresses) -> std::string_view {
    return next.sets.find(addresses)->second;
  };
  for (const Segment* segment : change.added) {
    for (size_t i = 0; i < segment->rules.size(); ++i) {
      if (!change.actions_of_gone.contains(segment->actions[i]))
        nft::AddActionChain(batch, segment->actions[i], nft::Action(segment->rules[i]));
    }
    if (segment->in_base()) continue;
    batch.AddChain(segment->chain);
    nft::AddSegmentRules(batch, *segment, set_name);
  }
  auto segment = next.segments.begin();
  for (const SteeringChain& chain : table) {
    std::vector<std::string_view> jumps;
    for (; !(*segment)->in_base(); ++segment) jumps.push_back((*segment)->chain);
    nft::AddBaseRules(batch, chain, jumps, set_name);
    nft::AddSegmentRules(batch, **segment++, set_name);
  }
}

class NftSteering final : public Steering {
 public:
  explicit NftSteering(NetlinkSocket socket) : socket_(std::move(socket)) {}

  std::string_view name() const override { return "nftables"; }
  Status Apply(const SteeringTable& table) override;
  StatusOr<SteeringState> Read() override;
  StatusOr<size_t> CountRules() override;
  Status Supports(const SteeringRule& rule) const override;
  StatusOr<std::vector<OwnHook>> HooksToOwn(const std::vector<std::string>&) override {
    return std::vector<OwnHook>();
  }
  void AdoptHooks(const std::vector<OwnHook>&) override {}

 private:
  StatusOr<std::optional<TableState>> FindTableOfOurs();
  Status Remove();
  Status Replace(const SteeringTable& table);

  NetlinkSocket socket_;  // owns the table; open for as long as this object lives
  // What the table has, from the last Apply; nothing when there is no table or that is not certain.
  std::optional<Plan> plan_;
  nft::NameCounter names_;
};

Status NftSteering::Supports(const SteeringRule& rule) const {
  if (rule.counters.size() + rule.forwarded_counters.size() <= kMaxCounters)
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat("nftables counts a packet with at most ", kMaxCounters, " counters, not ",
             rule.counters.size() + rule.forwarded_counters.size()));
}

// The table under our name. One that belongs to another process is awaited to go, as it does when
// that process has died just now.
StatusOr<std::optional<TableState>> NftSteering::FindTableOfOurs() {
  const auto deadline = std::chrono::steady_clock::now() + kOwnerGoneTimeout;
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<TableState> found, nft::FindTable(socket_));
    if (!found || found->owner == 0 || found->owner == socket_.port()) return found;
    if (std::chrono::steady_clock::now() >= deadline) {
      return PreconditionError("OWNER", "faultd",
                               StrCat("nftables table faultd belongs to another process (netlink "
                                      "port ",
                                      found->owner, "); is another faultd running?"));
    }
    std::this_thread::sleep_for(kOwnerGoneInterval);
  }
}

Status NftSteering::Apply(const SteeringTable& table) {
  const bool empty =
      std::ranges::all_of(table, [](const SteeringChain& chain) { return chain.rules.empty(); });
  if (empty) return Remove();
  for (const SteeringChain& chain : table) {
    for (const SteeringRule& rule : chain.rules) RETURN_IF_ERROR(Supports(rule));
  }
  Status status = Replace(table);
  if (status.ok()) return status;
  // Somebody has changed the table since it was looked at, or something could be loaded: once more,
  // without relying on what is there.
  constexpr std::array kWorthAnotherTry = {ENOENT, EEXIST, EBUSY};
  plan_.reset();
  if (std::ranges::find(kWorthAnotherTry, ErrnoOf(status)) != kWorthAnotherTry.end()) {
    if (nft::IsMissingExpression(status)) {
      for (const char* module : {"nft_fwd_netdev", "nft_numgen", "nft_hash"}) {
        // Built in, perhaps; the next try says so.
        if (absl::IsDeadlineExceeded(LoadModule(module))) break;
      }
    }
    status = Replace(table);
  }
  return ExplainUnsupported(status);
}

Status NftSteering::Remove() {
  ASSIGN_OR_RETURN(const std::optional<TableState> found, FindTableOfOurs());
  if (found) {
    Batch batch;
    batch.DeleteTable();
    const Status status = batch.Send(socket_, "remove nftables table faultd");
    if (!status.ok() && ErrnoOf(status) != ENOENT) return status;
  }
  plan_.reset();
  return absl::OkStatus();
}

// What is the same in the plan before stays as it is, but for base chains, whose rules are put in
// anew.
Status NftSteering::Replace(const SteeringTable& table) {
  ASSIGN_OR_RETURN(const std::optional<TableState> found, FindTableOfOurs());
  const bool ours = found && found->owner == socket_.port();
  const bool incremental = ours && plan_.has_value();
  const Plan nothing;
  const Plan& before = incremental ? *plan_ : nothing;
  Plan next = nft::MakePlan(table, before, names_);
  const Change change(before, next);

  Batch batch;
  std::set<std::string> present_bases;
  std::map<std::string, PacketCounter> counted;
  if (incremental) {
    ASSIGN_OR_RETURN(present_bases, nft::FindChains(socket_, before.BaseChains()));
    batch.AddTable();
    DeleteUnused(batch, present_bases, change);
  } else {
    if (ours) {
      ASSIGN_OR_RETURN(counted, nft::ReadCounters(socket_));
    }
    if (found) batch.DeleteTable();
    batch.AddTable();
  }
  for (const SteeringChain& chain : table) {
    const std::string name = nft::BaseChainName(chain);
    if (!present_bases.contains(name)) batch.AddBaseChain(name, chain.interface, chain.direction);
  }
  AddNew(batch, table, change, counted);
  RETURN_IF_ERROR(batch.Send(socket_, "apply nftables table faultd"));
  plan_ = std::move(next);
  return absl::OkStatus();
}

StatusOr<SteeringState> NftSteering::Read() {
  SteeringState state;
  ASSIGN_OR_RETURN(const std::optional<TableState> found, nft::FindTable(socket_));
  if (!found) return state;
  state.present = true;
  state.names = {StrCat("nftables table ", nft::kTableName)};
  ASSIGN_OR_RETURN(state.rules, CountRules());
  ASSIGN_OR_RETURN(state.counters, nft::ReadCounters(socket_));
  return state;
}

// Those of this process that a packet can get to, with what they do. Chains can be told faster than
// rules. Nobody else can change an owned table, but base chains go with their interface.
StatusOr<size_t> NftSteering::CountRules() {
  if (!plan_) return size_t{0};
  ASSIGN_OR_RETURN(const nft::Chains existing, nft::ReadChains(socket_));
  const auto has = [&](const std::string& chain, uint32_t rules) {
    const auto found = existing.regular.find(chain);
    return found != existing.regular.end() && found->second >= rules;
  };
  size_t count = 0;
  for (const auto& segment : plan_->segments) {
    if (!existing.base.contains(segment->base)) continue;
    if (!segment->in_base() && !has(segment->chain, 1)) continue;
    for (size_t i = 0; i < segment->rules.size(); ++i) {
      if (has(segment->actions[i], nft::Action::RulesFor(segment->rules[i].share))) ++count;
    }
  }
  return count;
}

}  // namespace

StatusOr<std::unique_ptr<Steering>> OpenNftSteering() {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_NETFILTER));
  return std::unique_ptr<Steering>(std::make_unique<NftSteering>(std::move(socket)));
}

}  // namespace faultd

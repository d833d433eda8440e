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
#include "kernel/nft_state.h"

namespace faultd {
namespace {

using nft::Batch;
using nft::TableState;

// Room for the expressions of one rule is limited to 4 KiB in the kernel.
constexpr size_t kMaxCounters = 64;

constexpr std::chrono::milliseconds kOwnerGoneTimeout{500};
constexpr std::chrono::milliseconds kOwnerGoneInterval{2};

struct NamedSet {
  std::string name;
  AddressSet addresses;
};

// What the table has beside base chains and their classes: it stays from one Apply to the next for
// as long as it is in use.
struct Contents {
  std::vector<NamedSet> sets;
  std::set<std::string> counters;
  // Names of the chains of what rules do, one for each rule: they are counted to see all in force.
  std::multimap<nft::Action, std::string> actions;
  // By these names, the base chain from which packets get there.
  std::map<std::string, std::string> base_of;
};

const NamedSet* FindSet(const std::vector<NamedSet>& sets, const AddressSet& addresses) {
  const auto found = std::ranges::find(sets, addresses, &NamedSet::addresses);
  return found == sets.end() ? nullptr : &*found;
}

bool HasAction(const Contents& contents, const nft::Action& action, const std::string& chain) {
  const auto [begin, end] = contents.actions.equal_range(action);
  return std::any_of(begin, end, [&](const auto& each) { return each.second == chain; });
}

template <typename Each>
void ForEachRule(const SteeringTable& table, Each each) {
  for (const SteeringChain& chain : table) std::ranges::for_each(chain.rules, each);
}

template <typename Each>
void ForEachMatch(const SteeringTable& table, Each each) {
  for (const SteeringChain& chain : table) std::ranges::for_each(chain.protect, each);
  ForEachRule(table, [&](const SteeringRule& rule) {
    std::ranges::for_each(rule.match, each);
    std::ranges::for_each(rule.except, each);
  });
}

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

class NftSteering final : public Steering {
 public:
  explicit NftSteering(NetlinkSocket socket) : socket_(std::move(socket)) {}

  std::string_view name() const override { return "nftables"; }
  Status Apply(const SteeringTable& table) override;
  StatusOr<SteeringState> Read() override;
  Status Supports(const SteeringRule& rule) const override;
  StatusOr<std::vector<OwnHook>> HooksToOwn(const std::vector<std::string>&) override {
    return std::vector<OwnHook>();
  }
  void AdoptHooks(const std::vector<OwnHook>&) override {}

 private:
  StatusOr<std::optional<TableState>> FindTableOfOurs();
  Status Remove();
  Status Replace(const SteeringTable& table);
  Contents Plan(const SteeringTable& table);
  // Deletes what the kernel has and `table` or `next` have not, and empties the base chains that
  // stay.
  void DeleteUnused(Batch& batch, const nft::Chains& existing,
                    const std::set<std::string>& base_chains, const Contents& next);
  StatusOr<size_t> CountRulesInForce();

  NetlinkSocket socket_;  // owns the table; open for as long as this object lives
  // What the table has, from the last Apply; nothing when there is no table or that is not certain.
  std::optional<Contents> contents_;
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
  contents_.reset();
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
  contents_.reset();
  return absl::OkStatus();
}

Status NftSteering::Replace(const SteeringTable& table) {
  ASSIGN_OR_RETURN(const std::optional<TableState> found, FindTableOfOurs());
  const bool ours = found && found->owner == socket_.port();
  const bool incremental = ours && contents_.has_value();
  Contents next = Plan(table);
  std::set<std::string> base_chains;
  for (const SteeringChain& chain : table) base_chains.insert(nft::BaseChainName(chain));

  Batch batch;
  nft::Chains existing;
  std::map<std::string, PacketCounter> counted;
  if (incremental) {
    ASSIGN_OR_RETURN(existing, nft::ReadChains(socket_));
    batch.AddTable();
    DeleteUnused(batch, existing, base_chains, next);
  } else {
    if (ours) {
      ASSIGN_OR_RETURN(counted, nft::ReadCounters(socket_));
    }
    if (found) batch.DeleteTable();
    batch.AddTable();
  }
  for (const std::string& counter : next.counters) {
    if (!incremental || !contents_->counters.contains(counter)) {
      batch.AddCounter(counter, counted[counter]);
    }
  }
  for (const NamedSet& set : next.sets) {
    if (!incremental || FindSet(contents_->sets, set.addresses) == nullptr) {
      batch.AddSet(set.name, set.addresses);
    }
  }
  for (const auto& [action, chain] : next.actions) {
    if (!incremental || !HasAction(*contents_, action, chain)) {
      nft::AddActionChain(batch, chain, action);
    }
  }
  const auto set_name = [&](const AddressSet& addresses) -> std::string_view {
    return FindSet(next.sets, addresses)->name;
  };
  auto unused = next.actions;
  for (const SteeringChain& chain : table) {
    const std::string name = nft::BaseChainName(chain);
    if (!existing.base.contains(name)) batch.AddBaseChain(name, chain.interface, chain.direction);
    const auto action_name = [&](const SteeringRule& rule) {
      std::string action = unused.extract(nft::Action(rule)).mapped();
      next.base_of[action] = name;
      return action;
    };
    nft::AddChainRules(batch, chain, names_, set_name, action_name);
  }
  RETURN_IF_ERROR(batch.Send(socket_, "apply nftables table faultd"));
  contents_ = std::move(next);
  return absl::OkStatus();
}

Contents NftSteering::Plan(const SteeringTable& table) {
  Contents next;
  ForEachMatch(table, [&](const PacketMatch& match) {
    if (!nft::NeedsSet(match.remote) || FindSet(next.sets, match.remote) != nullptr) return;
    const NamedSet* kept = contents_ ? FindSet(contents_->sets, match.remote) : nullptr;
    next.sets.push_back({kept != nullptr ? kept->name : names_.Next("addresses_"), match.remote});
  });
  auto kept = contents_ ? contents_->actions : decltype(next.actions)();
  ForEachRule(table, [&](const SteeringRule& rule) {
    next.counters.insert(rule.counters.begin(), rule.counters.end());
    next.counters.insert(rule.forwarded_counters.begin(), rule.forwarded_counters.end());
    auto action = kept.extract(nft::Action(rule));
    if (action.empty()) {
      next.actions.emplace(rule, names_.Next(nft::kActionChainPrefix));
    } else {
      next.actions.insert(std::move(action));
    }
  });
  return next;
}

void NftSteering::DeleteUnused(Batch& batch, const nft::Chains& existing,
                               const std::set<std::string>& base_chains, const Contents& next) {
  for (const std::string& chain : existing.base) {
    if (base_chains.contains(chain)) {
      batch.DeleteRules(chain);
    } else {
      batch.DeleteChain(chain);
    }
  }
  for (const auto& [chain, use] : existing.regular) {
    if (chain.starts_with(nft::kClassChainPrefix)) batch.DeleteChain(chain);
  }
  for (const auto& [action, chain] : contents_->actions) {
    if (!HasAction(next, action, chain)) batch.DeleteChain(chain);
  }
  for (const NamedSet& set : contents_->sets) {
    if (FindSet(next.sets, set.addresses) == nullptr) batch.DeleteSet(set.name);
  }
  for (const std::string& counter : contents_->counters) {
    if (!next.counters.contains(counter)) batch.DeleteCounter(counter);
  }
}

StatusOr<SteeringState> NftSteering::Read() {
  SteeringState state;
  ASSIGN_OR_RETURN(const std::optional<TableState> found, nft::FindTable(socket_));
  if (!found) return state;
  state.present = true;
  state.names = {StrCat("nftables table ", nft::kTableName)};
  ASSIGN_OR_RETURN(state.rules, CountRulesInForce());
  ASSIGN_OR_RETURN(state.counters, nft::ReadCounters(socket_));
  return state;
}

// Those of this process whose chain and base chain are there, with what they do. Chains can be told
// faster than rules. Nobody else can change an owned table, but base chains go with their
// interface.
StatusOr<size_t> NftSteering::CountRulesInForce() {
  if (!contents_) return size_t{0};
  ASSIGN_OR_RETURN(const nft::Chains existing, nft::ReadChains(socket_));
  return static_cast<size_t>(std::ranges::count_if(contents_->actions, [&](const auto& each) {
    const auto& [action, chain] = each;
    const auto found = existing.regular.find(chain);
    return found != existing.regular.end() && found->second >= action.rules() &&
           existing.base.contains(contents_->base_of.at(chain));
  }));
}

}  // namespace

StatusOr<std::unique_ptr<Steering>> OpenNftSteering() {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_NETFILTER));
  return std::unique_ptr<Steering>(std::make_unique<NftSteering>(std::move(socket)));
}

}  // namespace faultd

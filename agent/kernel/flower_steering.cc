#include "kernel/flower_steering.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <ranges>
#include <set>
#include <tuple>
#include <utility>

#include "kernel/flower_counters.h"
#include "kernel/flower_filter.h"
#include "kernel/flower_plan.h"
#include "kernel/flower_state.h"
#include "kernel/modules.h"
#include "kernel/netlink.h"

namespace faultd {
namespace {

using flower::FilterGroup;
using flower::Filters;
using flower::Hook;
using flower::HookQdiscs;
using flower::Step;

// An old and a new set of filters live side by side for the moment of a change, each in its half of
// the priorities.
constexpr uint16_t kSecondHalf = (flower::kFirstPriority + flower::kLastPriority + 1) / 2;
// Chain numbers have 28 bits, 0 is everybody's.
constexpr uint32_t kFirstChain = 0x0fa17000;
// The kernel drops a packet that goes from chain to chain more often than 16 times.
constexpr int kMaxExceptions = 15;
constexpr size_t kMessagesAtOnce = 4096;

std::string InterfaceName(int ifindex) {
  char name[IF_NAMESIZE];
  return if_indextoname(static_cast<unsigned>(ifindex), name) != nullptr ? name
                                                                         : StrCat("#", ifindex);
}

std::string Describe(const Hook& hook) {
  return StrCat(InterfaceName(hook.ifindex),
                hook.direction == Direction::kEgress ? " egress" : " ingress");
}

Status NeedsNftables(std::string_view what) {
  return PreconditionError("KERNEL", "nf_tables",
                           StrCat(what, " needs nftables owned tables (Linux 5.17 or newer)"));
}

Status SupportsAll(const std::vector<PacketMatch>& matches) {
  const bool flows = std::ranges::any_of(
      matches, [](const PacketMatch& match) { return match.flows_percent < 100; });
  return flows ? NeedsNftables("a share of the flows") : absl::OkStatus();
}

// Numbers of actions begin somewhere else in each process, so that none meets what another has
// left.
uint32_t FirstAction() {
  uint32_t random = static_cast<uint32_t>(getpid());
  std::ignore = getrandom(&random, sizeof(random), GRND_NONBLOCK);
  return 0xfa000000 | (random & 0x00ffffff);
}

// Whether a change of some hook was cut short.
bool InBothHalves(const Filters& filters) {
  std::map<Hook, std::set<bool>> halves;
  return std::ranges::any_of(filters.ours, [&](const auto& entry) {
    std::set<bool>& used = halves[entry.first.hook];
    used.insert(entry.first.priority < kSecondHalf);
    return used.size() == 2;
  });
}

class FlowerSteering final : public Steering {
 public:
  explicit FlowerSteering(NetlinkSocket socket) : socket_(std::move(socket)) {}

  std::string_view name() const override { return "flower"; }
  Status Apply(const SteeringTable& table) override;
  StatusOr<SteeringState> Read() override;
  Status Supports(const SteeringRule& rule) const override;
  StatusOr<std::vector<OwnHook>> HooksToOwn(const std::vector<std::string>& names) override;
  void AdoptHooks(const std::vector<OwnHook>& hooks) override;

 private:
  struct Install {
    Filters old;
    std::map<uint32_t, const SteeringRule*> rules;  // by the number of their action
    uint32_t next_chain = kFirstChain;
  };

  Status SupportsTable(const SteeringTable& table) const;
  Status Replace(const SteeringTable& table);
  Status EnsureHook(const SteeringChain& chain, HookQdiscs& qdiscs);
  Status InstallChain(const SteeringChain& chain, Install& install);
  // Deletes filters of ours, the last to match first, after their counters were taken over.
  Status RemoveFilters(const Filters& filters, const HookQdiscs& qdiscs);
  Status RemoveUnusedHooks();
  Status Send(std::vector<NetlinkMessage> messages, const std::string& attempt);

  NetlinkSocket socket_;
  // Indexes and names of the interfaces whose clsact was made by us. Their names may be others now.
  std::map<int, std::string> own_hooks_;
  flower::Counters counters_;
  // The kernel frees an action some time after its last filter is gone; until then a filter that
  // names its number gets that old action. So numbers are never used again.
  uint32_t next_action_ = FirstAction();
};

Status FlowerSteering::Supports(const SteeringRule& rule) const {
  if (rule.share < 1) return NeedsNftables("a share of the packets, chosen at random,");
  RETURN_IF_ERROR(SupportsAll(rule.match));
  return SupportsAll(rule.except);
}

Status FlowerSteering::Apply(const SteeringTable& table) {
  Status status = SupportsTable(table);
  if (status.ok()) status = Replace(table);
  if (ErrnoOf(status) == ENOENT) {
    for (const char* module : {"sch_ingress", "cls_flower", "act_mirred", "act_gact"}) {
      // Built in, perhaps; the next try says so.
      if (absl::IsDeadlineExceeded(LoadModule(module))) break;
    }
    status = Replace(table);
  }
  if (status.ok()) return status;
  if (ErrnoOf(status) == ENOENT) {
    status = PreconditionError(
        "MODULE", "cls_flower",
        StrCat(status.message(),
               "; needs the modules sch_ingress, cls_flower, act_mirred and act_gact: ",
               ModulePackageHint("cls_flower")));
  }
  MergeStatus(status, Annotate(Replace({}), "remove all filters after that"));
  return status;
}

Status FlowerSteering::SupportsTable(const SteeringTable& table) const {
  for (const SteeringChain& chain : table) {
    RETURN_IF_ERROR(SupportsAll(chain.protect));
    for (const SteeringRule& rule : chain.rules) RETURN_IF_ERROR(Supports(rule));
    const auto with_exceptions = std::ranges::count_if(
        chain.rules, [](const SteeringRule& rule) { return !rule.except.empty(); });
    if (with_exceptions > kMaxExceptions) {
      return NeedsNftables(
          StrCat("more than ", kMaxExceptions, " rules with exceptions on ", chain.interface));
    }
  }
  return absl::OkStatus();
}

Status FlowerSteering::Replace(const SteeringTable& table) {
  ASSIGN_OR_RETURN(HookQdiscs qdiscs, flower::ReadHookQdiscs(socket_));
  Install install;
  ASSIGN_OR_RETURN(install.old, flower::ReadFilters(socket_, qdiscs));
  if (InBothHalves(install.old)) {  // there is no room for another set
    RETURN_IF_ERROR(RemoveFilters(install.old, qdiscs));
    install.old.ours.clear();
  }
  for (const SteeringChain& chain : table) {
    if (chain.rules.empty()) continue;
    RETURN_IF_ERROR(EnsureHook(chain, qdiscs));
    RETURN_IF_ERROR(InstallChain(chain, install));
  }
  RETURN_IF_ERROR(RemoveFilters(install.old, qdiscs));

  counters_.Begin(table, install.rules);
  return RemoveUnusedHooks();
}

Status FlowerSteering::EnsureHook(const SteeringChain& chain, HookQdiscs& qdiscs) {
  const auto found = qdiscs.find(chain.ifindex);
  if (found == qdiscs.end()) {
    NetlinkMessage message = flower::AddClsact(chain.ifindex);
    own_hooks_[chain.ifindex] = chain.interface;  // before: the answer may be lost
    const Status added = socket_.Execute(message, StrCat("add clsact qdisc to ", chain.interface));
    if (ErrnoOf(added) == EEXIST) own_hooks_.erase(chain.ifindex);
    RETURN_IF_ERROR(added);
    qdiscs[chain.ifindex] = "clsact";
    return absl::OkStatus();
  }
  if (found->second == "clsact" || chain.direction == Direction::kIngress) return absl::OkStatus();
  return PreconditionError("INTERFACE", chain.interface,
                           StrCat("interface ", chain.interface, " has a qdisc \"", found->second,
                                  "\" in the place of clsact, so its egress cannot be steered"));
}

Status FlowerSteering::InstallChain(const SteeringChain& chain, Install& install) {
  const Hook hook{chain.ifindex, chain.direction};
  bool first_half_used = false;
  for (const auto& [group, handles] : install.old.ours) {
    first_half_used |= group.hook == hook && group.priority < kSecondHalf;
    install.next_chain = std::max(install.next_chain, group.chain + 1);
  }
  const auto next_chain = [&] { return install.next_chain++; };
  const auto next_action = [&] {
    while (install.old.action_indices.contains(next_action_)) ++next_action_;
    return next_action_++;
  };
  const uint16_t end = first_half_used ? flower::kLastPriority + 1 : kSecondHalf;
  FilterGroup group{.hook = hook,
                    .priority = first_half_used ? kSecondHalf : flower::kFirstPriority};
  std::vector<NetlinkMessage> messages;
  for (const Step& step : flower::PlanChain(chain, next_chain, next_action)) {
    if (step.rule != nullptr) install.rules[step.action.index] = step.rule;
    group.chain = step.chain;
    while (install.old.foreign.contains(group)) ++group.priority;
    if (group.priority >= end || step.keys.size() > flower::kMaxFiltersOfGroup) {
      return absl::ResourceExhaustedError(
          StrCat("too many rules or addresses for ", Describe(hook),
                 ": flower steering has room for ", kSecondHalf - flower::kFirstPriority,
                 " groups of ", flower::kMaxFiltersOfGroup, " filters"));
    }
    flower::AddStep(step, group, messages);
    ++group.priority;
  }
  return Send(std::move(messages), StrCat("add flower filters to ", Describe(hook)));
}

Status FlowerSteering::RemoveFilters(const Filters& filters, const HookQdiscs& qdiscs) {
  if (filters.ours.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Filters now, flower::ReadFilters(socket_, qdiscs));
  std::map<uint32_t, PacketCounter> redirects;
  for (const auto& [index, counter] : now.redirects) {
    if (filters.redirects.contains(index)) redirects[index] = counter;
  }
  std::vector<NetlinkMessage> messages;
  for (const auto& [group, handles] : filters.ours | std::views::reverse) {
    if (!filters.foreign.contains(group)) {
      messages.push_back(flower::DeleteFilter(group, 0));
      continue;
    }
    for (const uint32_t handle : handles) {
      messages.push_back(flower::DeleteFilter(group, handle));
    }
  }
  RETURN_IF_ERROR(Send(std::move(messages), "delete flower filters"));
  counters_.Retire(redirects);
  return absl::OkStatus();
}

Status FlowerSteering::RemoveUnusedHooks() {
  if (own_hooks_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const HookQdiscs qdiscs, flower::ReadHookQdiscs(socket_));
  ASSIGN_OR_RETURN(const Filters filters, flower::ReadFilters(socket_, qdiscs));
  std::set<int> used;
  for (const auto& [group, handles] : filters.ours) used.insert(group.hook.ifindex);
  for (const FilterGroup& group : filters.foreign) used.insert(group.hook.ifindex);
  Status status;
  std::map<int, std::string> kept;
  for (const auto& [ifindex, name] : own_hooks_) {
    const auto qdisc = qdiscs.find(ifindex);
    if (qdisc == qdiscs.end() || qdisc->second != "clsact") continue;  // gone already
    if (!used.contains(ifindex)) {
      NetlinkMessage message = flower::DeleteClsact(ifindex);
      const Status deleted = socket_.Execute(message, StrCat("delete clsact qdisc of ", name));
      if (deleted.ok()) continue;
      MergeStatus(status, deleted);
    }
    kept[ifindex] = name;
  }
  own_hooks_ = std::move(kept);
  return status;
}

Status FlowerSteering::Send(std::vector<NetlinkMessage> messages, const std::string& attempt) {
  while (!messages.empty()) {
    const size_t count = std::min(messages.size(), kMessagesAtOnce);
    const auto rest = messages.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<NetlinkMessage> part(std::make_move_iterator(messages.begin()),
                                     std::make_move_iterator(rest));
    messages.erase(messages.begin(), rest);
    RETURN_IF_ERROR(socket_.ExecuteBatch(part, {}, attempt));
  }
  return absl::OkStatus();
}

StatusOr<SteeringState> FlowerSteering::Read() {
  ASSIGN_OR_RETURN(const HookQdiscs qdiscs, flower::ReadHookQdiscs(socket_));
  ASSIGN_OR_RETURN(const Filters filters, flower::ReadFilters(socket_, qdiscs));
  SteeringState state;
  state.rules = filters.redirects.size();
  std::set<Hook> hooks;
  for (const auto& [group, handles] : filters.ours) hooks.insert(group.hook);
  for (const Hook& hook : hooks)
    state.names.push_back(StrCat("flower filters on ", Describe(hook)));
  for (const auto& [ifindex, name] : own_hooks_) {
    if (qdiscs.contains(ifindex))
      state.names.push_back(StrCat("clsact qdisc on ", InterfaceName(ifindex)));
  }
  state.present = !state.names.empty();
  state.counters = counters_.Sum(filters.redirects);
  return state;
}

StatusOr<std::vector<OwnHook>> FlowerSteering::HooksToOwn(const std::vector<std::string>& names) {
  ASSIGN_OR_RETURN(const HookQdiscs qdiscs, flower::ReadHookQdiscs(socket_));
  std::vector<OwnHook> hooks;
  for (const std::string& name : names) {
    const int ifindex = static_cast<int>(if_nametoindex(name.c_str()));
    if (ifindex == 0) return absl::NotFoundError(StrCat("no interface named ", name));
    if (own_hooks_.contains(ifindex) || !qdiscs.contains(ifindex)) hooks.push_back({name, ifindex});
  }
  return hooks;
}

void FlowerSteering::AdoptHooks(const std::vector<OwnHook>& hooks) {
  for (const OwnHook& hook : hooks) {
    const int ifindex =
        hook.ifindex != 0 ? hook.ifindex : static_cast<int>(if_nametoindex(hook.interface.c_str()));
    own_hooks_[ifindex] = hook.interface;
  }
}

}  // namespace

StatusOr<std::unique_ptr<Steering>> OpenFlowerSteering() {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  return std::unique_ptr<Steering>(std::make_unique<FlowerSteering>(std::move(socket)));
}

}  // namespace faultd

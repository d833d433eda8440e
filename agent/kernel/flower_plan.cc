#include "kernel/flower_plan.h"

#include <linux/rtnetlink.h>

#include <iterator>
#include <string>
#include <unordered_set>
#include <utility>

#include "kernel/flower_state.h"

namespace faultd::flower {
namespace {

std::vector<FilterKeys> KeysOfAll(const std::vector<PacketMatch>& matches) {
  std::vector<FilterKeys> keys;
  for (const PacketMatch& match : matches) {
    std::vector<FilterKeys> more = KeysOf(match);
    std::move(more.begin(), more.end(), std::back_inserter(keys));
  }
  return keys;
}

}  // namespace

std::vector<Step> PlanChain(const SteeringChain& chain, const NumberSource& next_chain,
                            const NumberSource& next_action) {
  std::vector<Step> steps;
  uint32_t current = 0;
  const auto add = [&](std::vector<FilterKeys> keys, FilterAction action,
                       const SteeringRule* rule = nullptr) {
    if (!keys.empty()) steps.push_back({current, std::move(keys), action, rule});
  };
  add(NeighbourDiscoveryKeys(), {});
  add(KeysOfAll(chain.protect), {});
  for (const SteeringRule& rule : chain.rules) {
    const bool last = &rule == &chain.rules.back();
    // What a rule excepts goes on with the rules after it, which are in a chain of their own then.
    const bool splits = !rule.except.empty() && !last;
    const FilterAction go_on = {.kind = FilterAction::Kind::kGoto,
                                .chain = splits ? next_chain() : 0,
                                .index = splits ? next_action() : 0};
    add(KeysOfAll(rule.except), splits ? go_on : FilterAction{});
    add(KeysOfAll(rule.match),
        {.kind = FilterAction::Kind::kRedirect,
         .link_index = rule.link_index,
         .index = next_action()},
        &rule);
    if (!splits) continue;
    add(AllKeys(), go_on);
    current = go_on.chain;
  }
  return steps;
}

void AddStep(const Step& step, const FilterGroup& group, std::vector<NetlinkMessage>& messages) {
  // The same filter twice in a group is an error for the kernel.
  std::unordered_set<std::string> seen;
  uint32_t handle = kHandleTag;
  for (const FilterKeys& keys : step.keys) {
    NetlinkMessage message = AddFilter(group, handle + 1, keys, step.action);
    const auto attributes = AttributesOf(message.header(), sizeof(tcmsg));
    if (!seen.emplace(reinterpret_cast<const char*>(attributes.data()), attributes.size()).second) {
      continue;
    }
    messages.push_back(std::move(message));
    ++handle;
  }
}

}  // namespace faultd::flower

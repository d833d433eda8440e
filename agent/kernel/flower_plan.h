#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernel/flower_filter.h"
#include "kernel/steering.h"

namespace faultd::flower {

// Filters that all do the same with a packet, so that their order does not matter.
struct Step {
  uint32_t chain = 0;
  std::vector<FilterKeys> keys;
  FilterAction action;
  const SteeringRule* rule = nullptr;  // whose packets are redirected; lives as long as the table
};

// Hands out numbers that nothing else uses.
using NumberSource = std::function<uint32_t()>;

// The filters of a chain in order: a packet is decided by the first that matches. Installed in this
// order, and removed in the opposite one, no packet is ever redirected that should not be.
std::vector<Step> PlanChain(const SteeringChain& chain, const NumberSource& next_chain,
                            const NumberSource& next_action);

// The lower half of the handle tells the filters of a group apart.
inline constexpr size_t kMaxFiltersOfGroup = 0xffff;

// Adds the messages that install a step as a group of its own.
void AddStep(const Step& step, const FilterGroup& group, std::vector<NetlinkMessage>& messages);

}  // namespace faultd::flower

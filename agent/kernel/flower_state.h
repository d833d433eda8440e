#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernel/flower_filter.h"
#include "kernel/netlink.h"
#include "kernel/steering.h"

// Reads what the kernel has of flower filters and of the qdiscs they hang on. Filters of ours are
// known by their priority and by the upper half of their handle.
namespace faultd::flower {

inline constexpr uint16_t kFirstPriority = 0xfa00;
inline constexpr uint16_t kLastPriority = 0xfdff;
inline constexpr uint32_t kHandleTag = 0xfa170000;
inline constexpr uint32_t kHandleMask = 0xffff0000;

// The filters on some hooks.
struct Filters {
  std::map<FilterGroup, std::vector<uint32_t>> ours;  // handles
  std::set<FilterGroup> foreign;                      // where filters of others are
  std::map<uint32_t, PacketCounter> redirects;        // our redirecting actions by their number
  std::set<uint32_t> action_indices;                  // numbers of all our actions
};

// Kind of the qdisc in the place of clsact ("clsact" or "ingress") of the interfaces that have one.
using HookQdiscs = std::map<int, std::string>;

StatusOr<HookQdiscs> ReadHookQdiscs(NetlinkSocket& socket);
StatusOr<Filters> ReadFilters(NetlinkSocket& socket, const HookQdiscs& qdiscs);

}  // namespace faultd::flower

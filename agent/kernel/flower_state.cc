#include "kernel/flower_state.h"

#include <linux/gen_stats.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_gact.h>
#include <linux/tc_act/tc_mirred.h>

#include <algorithm>
#include <cstring>

namespace faultd::flower {
namespace {

using Payload = std::span<const std::byte>;

std::string TextOf(Payload data) {
  const char* begin = reinterpret_cast<const char*>(data.data());
  return std::string(begin, strnlen(begin, data.size()));
}

// Fixed-size value at the beginning of an attribute; what a shorter one lacks is zero.
template <typename Value>
Value ValueOf(Payload data) {
  Value value{};
  memcpy(&value, data.data(), std::min(data.size(), sizeof(value)));
  return value;
}

const tcmsg& HeaderOf(const nlmsghdr* message) {
  return *static_cast<const tcmsg*>(NLMSG_DATA(message));
}

struct Action {
  std::string kind;
  uint32_t index = 0;
  PacketCounter counter;
};

Action ActionOf(Payload attributes) {
  Action action;
  ForEachAttribute(attributes, [&](int type, Payload data) {
    if (type == TCA_ACT_KIND) action.kind = TextOf(data);
    if (type == TCA_ACT_OPTIONS) {
      ForEachAttribute(data, [&](int option, Payload value) {
        // The parameters of every kind of action begin with its number (tc_gen).
        static_assert(int{TCA_MIRRED_PARMS} == int{TCA_GACT_PARMS});
        if (option == TCA_MIRRED_PARMS) action.index = ValueOf<uint32_t>(value);
      });
    }
    if (type == TCA_ACT_STATS) {
      ForEachAttribute(data, [&](int statistic, Payload value) {
        if (statistic == TCA_STATS_BASIC) {
          const auto basic = ValueOf<gnet_stats_basic>(value);
          action.counter.bytes = basic.bytes;
          action.counter.packets = basic.packets;
        }
        // Only there when the number does not fit in 32 bits.
        if (statistic == TCA_STATS_PKT64) action.counter.packets = ValueOf<uint64_t>(value);
      });
    }
  });
  return action;
}

void AddFilterTo(Filters& filters, const Hook& hook, const nlmsghdr* message) {
  const tcmsg& header = HeaderOf(message);
  std::string kind;
  FilterGroup group{.hook = hook, .priority = static_cast<uint16_t>(header.tcm_info >> 16)};
  std::vector<Action> actions;
  ForEachAttribute(AttributesOf(message, sizeof(tcmsg)), [&](int type, Payload data) {
    if (type == TCA_KIND) kind = TextOf(data);
    if (type == TCA_CHAIN) group.chain = ValueOf<uint32_t>(data);
    if (type == TCA_OPTIONS && kind == "flower") {
      ForEachAttribute(data, [&](int option, Payload value) {
        if (option != TCA_FLOWER_ACT) return;
        ForEachAttribute(value, [&](int, Payload one) { actions.push_back(ActionOf(one)); });
      });
    }
  });
  if (header.tcm_handle == 0) return;  // stands for the group
  const bool ours = kind == "flower" && (header.tcm_handle & kHandleMask) == kHandleTag &&
                    group.priority >= kFirstPriority && group.priority <= kLastPriority;
  if (!ours) {
    filters.foreign.insert(group);
    return;
  }
  filters.ours[group].push_back(header.tcm_handle);
  for (const Action& action : actions) {
    filters.action_indices.insert(action.index);
    if (action.kind == "mirred") filters.redirects[action.index] = action.counter;
  }
}

}  // namespace

StatusOr<HookQdiscs> ReadHookQdiscs(NetlinkSocket& socket) {
  HookQdiscs qdiscs;
  NetlinkMessage request = DumpQdiscs();
  RETURN_IF_ERROR(socket.Query(
      request, "list qdiscs",
      [&](const nlmsghdr* message) {
        const tcmsg& header = HeaderOf(message);
        if (header.tcm_parent != TC_H_CLSACT) return;
        ForEachAttribute(AttributesOf(message, sizeof(tcmsg)), [&](int type, Payload data) {
          if (type == TCA_KIND) qdiscs[header.tcm_ifindex] = TextOf(data);
        });
      },
      [&] { qdiscs.clear(); }));
  return qdiscs;
}

StatusOr<Filters> ReadFilters(NetlinkSocket& socket, const HookQdiscs& qdiscs) {
  Filters filters;
  for (const auto& [ifindex, kind] : qdiscs) {
    for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
      if (direction == Direction::kEgress && kind != "clsact") continue;
      const Hook hook{ifindex, direction};
      const Filters before = filters;
      NetlinkMessage request = DumpFilters(hook);
      RETURN_IF_ERROR(socket.Query(
          request, "list filters",
          [&](const nlmsghdr* message) { AddFilterTo(filters, hook, message); },
          [&] { filters = before; }));
    }
  }
  return filters;
}

}  // namespace faultd::flower

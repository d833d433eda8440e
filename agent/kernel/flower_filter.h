#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernel/netlink.h"
#include "kernel/packet_match.h"

// Messages about flower filters (linux/pkt_cls.h) on the hooks that a clsact qdisc gives an
// interface.
namespace faultd::flower {

// What one filter matches: TCP and UDP ports only with that protocol, a type only with ICMPv6.
struct FilterKeys {
  Family family = Family::kIpv4;
  std::optional<IpPrefix> remote;
  std::optional<uint8_t> ip_protocol;
  PortRange remote_ports;
  PortRange local_ports;
  std::optional<uint8_t> icmpv6_type;
};

// Every filter it takes to match exactly the packets of `match`, whose flows_percent has to be 100.
std::vector<FilterKeys> KeysOf(const PacketMatch& match);
// IPv6 neighbour and router discovery.
std::vector<FilterKeys> NeighbourDiscoveryKeys();
// Every IP packet.
std::vector<FilterKeys> AllKeys();

struct FilterAction {
  enum class Kind : uint8_t { kPass, kGoto, kRedirect };
  Kind kind = Kind::kPass;
  uint32_t chain = 0;  // kGoto
  int link_index = 0;  // kRedirect
  // The action's own number. Filters with the same one share the action and its counters.
  uint32_t index = 0;
};

struct Hook {
  int ifindex = 0;
  Direction direction = Direction::kEgress;
  friend auto operator<=>(const Hook&, const Hook&) = default;
};

// Filters of one hook with the same chain and priority are one unit for the kernel, in no order
// among themselves. Chains begin with 0, priorities with the lowest.
struct FilterGroup {
  Hook hook;
  uint32_t chain = 0;
  uint16_t priority = 0;
  friend auto operator<=>(const FilterGroup&, const FilterGroup&) = default;
};

NetlinkMessage AddFilter(const FilterGroup& group, uint32_t handle, const FilterKeys& keys,
                         const FilterAction& action);
// Handle 0 is the whole group.
NetlinkMessage DeleteFilter(const FilterGroup& group, uint32_t handle);
NetlinkMessage DumpFilters(const Hook& hook);
NetlinkMessage AddClsact(int ifindex);
NetlinkMessage DeleteClsact(int ifindex);
NetlinkMessage DumpQdiscs();

}  // namespace faultd::flower

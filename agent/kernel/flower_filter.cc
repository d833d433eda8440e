#include "kernel/flower_filter.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_gact.h>
#include <linux/tc_act/tc_mirred.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "kernel/address_bytes.h"

namespace faultd::flower {
namespace {

uint32_t ParentOf(const Hook& hook) {
  return TC_H_MAKE(TC_H_CLSACT,
                   hook.direction == Direction::kEgress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

// The filters' own protocol is "all": what a group matches may be of both families.
tcmsg FilterHeader(const FilterGroup& group, uint32_t handle) {
  return {.tcm_family = AF_UNSPEC,
          .tcm_ifindex = group.hook.ifindex,
          .tcm_handle = handle,
          .tcm_parent = ParentOf(group.hook),
          .tcm_info = TC_H_MAKE(static_cast<uint32_t>(group.priority) << 16, htons(ETH_P_ALL))};
}

tcmsg ClsactHeader(int ifindex) {
  return {.tcm_family = AF_UNSPEC,
          .tcm_ifindex = ifindex,
          .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
          .tcm_parent = TC_H_CLSACT};
}

// The fewest prefixes that make up a range.
std::vector<IpPrefix> PrefixesOf(Family family, IpRange range) {
  std::vector<IpPrefix> prefixes;
  const int bits = AddressBits(family);
  for (absl::uint128 first = range.first;;) {
    absl::uint128 host_bits = 0;
    int length = bits;
    while (length > 0) {
      const absl::uint128 wider = (host_bits << 1) | 1;
      if ((first & wider) != 0 || range.last - first < wider) break;
      host_bits = wider;
      --length;
    }
    prefixes.push_back({{family, first}, length});
    if (range.last - first == host_bits) return prefixes;
    first += host_bits + 1;
  }
}

absl::uint128 MaskOf(const IpPrefix& prefix) {
  const absl::uint128 all = MaxAddress(prefix.address.family);
  const int host_length = AddressBits(prefix.address.family) - prefix.length;
  return prefix.length == 0 ? absl::uint128(0) : (all >> host_length) << host_length;
}

std::vector<std::optional<uint8_t>> ProtocolsOf(const PacketMatch& match) {
  switch (match.protocol) {
    case Protocol::kTcp:
      return {IPPROTO_TCP};
    case Protocol::kUdp:
      return {IPPROTO_UDP};
    case Protocol::kIcmp:
      if (match.family() == Family::kIpv4) return {IPPROTO_ICMP};
      return {IPPROTO_ICMPV6};
    case Protocol::kAny:
      break;
  }
  if (match.remote_ports.IsAll() && match.local_ports.IsAll()) return {std::nullopt};
  return {IPPROTO_TCP, IPPROTO_UDP};
}

void PutAddress(NetlinkMessage& message, const IpPrefix& remote, bool destination) {
  const Family family = remote.address.family;
  const AddressBytes address(family, remote.address.value);
  const AddressBytes mask(family, MaskOf(remote));
  int type = destination ? TCA_FLOWER_KEY_IPV4_DST : TCA_FLOWER_KEY_IPV4_SRC;
  int mask_type = destination ? TCA_FLOWER_KEY_IPV4_DST_MASK : TCA_FLOWER_KEY_IPV4_SRC_MASK;
  if (family == Family::kIpv6) {
    type = destination ? TCA_FLOWER_KEY_IPV6_DST : TCA_FLOWER_KEY_IPV6_SRC;
    mask_type = destination ? TCA_FLOWER_KEY_IPV6_DST_MASK : TCA_FLOWER_KEY_IPV6_SRC_MASK;
  }
  message.Put(type, address.bytes().data(), address.bytes().size());
  message.Put(mask_type, mask.bytes().data(), mask.bytes().size());
}

void PutPorts(NetlinkMessage& message, const PortRange& ports, bool tcp, bool destination) {
  if (ports.IsAll()) return;
  if (ports.first != ports.last) {
    message.PutBe16(destination ? TCA_FLOWER_KEY_PORT_DST_MIN : TCA_FLOWER_KEY_PORT_SRC_MIN,
                    ports.first);
    message.PutBe16(destination ? TCA_FLOWER_KEY_PORT_DST_MAX : TCA_FLOWER_KEY_PORT_SRC_MAX,
                    ports.last);
  } else if (tcp) {
    message.PutBe16(destination ? TCA_FLOWER_KEY_TCP_DST : TCA_FLOWER_KEY_TCP_SRC, ports.first);
  } else {
    message.PutBe16(destination ? TCA_FLOWER_KEY_UDP_DST : TCA_FLOWER_KEY_UDP_SRC, ports.first);
  }
}

void PutKeys(NetlinkMessage& message, const FilterKeys& keys, Direction direction) {
  const bool out = direction == Direction::kEgress;
  message.PutBe16(TCA_FLOWER_KEY_ETH_TYPE, keys.family == Family::kIpv4 ? ETH_P_IP : ETH_P_IPV6);
  if (keys.remote) PutAddress(message, *keys.remote, out);
  if (!keys.ip_protocol) return;
  message.PutU8(TCA_FLOWER_KEY_IP_PROTO, *keys.ip_protocol);
  PutPorts(message, keys.remote_ports, *keys.ip_protocol == IPPROTO_TCP, out);
  PutPorts(message, keys.local_ports, *keys.ip_protocol == IPPROTO_TCP, !out);
  if (keys.icmpv6_type) message.PutU8(TCA_FLOWER_KEY_ICMPV6_TYPE, *keys.icmpv6_type);
}

void PutAction(NetlinkMessage& message, const FilterAction& action) {
  if (action.kind == FilterAction::Kind::kPass) return;  // no action lets the packet go on its way
  const bool redirect = action.kind == FilterAction::Kind::kRedirect;
  message.Nest(TCA_FLOWER_ACT, [&] {
    message.Nest(1, [&] {
      message.PutString(TCA_ACT_KIND, redirect ? "mirred" : "gact");
      message.Nest(TCA_ACT_OPTIONS, [&] {
        if (redirect) {
          tc_mirred mirred{};
          mirred.index = action.index;
          mirred.action = TC_ACT_STOLEN;
          mirred.eaction = TCA_EGRESS_REDIR;
          mirred.ifindex = static_cast<uint32_t>(action.link_index);
          message.Put(TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
        } else {
          tc_gact gact{};
          gact.index = action.index;
          gact.action = static_cast<int>(TC_ACT_GOTO_CHAIN | action.chain);
          message.Put(TCA_GACT_PARMS, &gact, sizeof(gact));
        }
      });
    });
  });
}

}  // namespace

std::vector<FilterKeys> KeysOf(const PacketMatch& match) {
  std::vector<std::optional<IpPrefix>> remotes;
  if (match.remote.IsAll()) {
    remotes.emplace_back();
  } else {
    for (const IpRange& range : match.remote.ranges()) {
      for (const IpPrefix& prefix : PrefixesOf(match.family(), range)) remotes.emplace_back(prefix);
    }
  }
  std::vector<FilterKeys> keys;
  for (const std::optional<uint8_t>& protocol : ProtocolsOf(match)) {
    for (const std::optional<IpPrefix>& remote : remotes) {
      keys.push_back({.family = match.family(),
                      .remote = remote,
                      .ip_protocol = protocol,
                      .remote_ports = match.remote_ports,
                      .local_ports = match.local_ports});
    }
  }
  return keys;
}

std::vector<FilterKeys> NeighbourDiscoveryKeys() {
  std::vector<FilterKeys> keys;
  for (uint8_t type = ND_ROUTER_SOLICIT; type <= ND_REDIRECT; ++type) {
    keys.push_back({.family = Family::kIpv6, .ip_protocol = IPPROTO_ICMPV6, .icmpv6_type = type});
  }
  return keys;
}

std::vector<FilterKeys> AllKeys() { return {{.family = Family::kIpv4}, {.family = Family::kIpv6}}; }

NetlinkMessage AddFilter(const FilterGroup& group, uint32_t handle, const FilterKeys& keys,
                         const FilterAction& action) {
  NetlinkMessage message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, 384);
  message.PutHeader(FilterHeader(group, handle));
  message.PutString(TCA_KIND, "flower");
  message.PutU32(TCA_CHAIN, group.chain);
  message.Nest(TCA_OPTIONS, [&] {
    message.PutU32(TCA_FLOWER_FLAGS, TCA_CLS_FLAGS_SKIP_HW);
    PutKeys(message, keys, group.hook.direction);
    PutAction(message, action);
  });
  return message;
}

NetlinkMessage DeleteFilter(const FilterGroup& group, uint32_t handle) {
  NetlinkMessage message(RTM_DELTFILTER, 0, 128);
  message.PutHeader(FilterHeader(group, handle));
  message.PutString(TCA_KIND, "flower");
  message.PutU32(TCA_CHAIN, group.chain);
  return message;
}

NetlinkMessage DumpFilters(const Hook& hook) {
  NetlinkMessage message(RTM_GETTFILTER, NLM_F_DUMP, 64);
  message.PutHeader(
      tcmsg{.tcm_family = AF_UNSPEC, .tcm_ifindex = hook.ifindex, .tcm_parent = ParentOf(hook)});
  return message;
}

NetlinkMessage AddClsact(int ifindex) {
  NetlinkMessage message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, 64);
  message.PutHeader(ClsactHeader(ifindex));
  message.PutString(TCA_KIND, "clsact");
  return message;
}

NetlinkMessage DeleteClsact(int ifindex) {
  NetlinkMessage message(RTM_DELQDISC, 0, 64);
  message.PutHeader(ClsactHeader(ifindex));
  return message;
}

NetlinkMessage DumpQdiscs() {
  NetlinkMessage message(RTM_GETQDISC, NLM_F_DUMP, 64);
  message.PutHeader(tcmsg{.tcm_family = AF_UNSPEC});
  return message;
}

}  // namespace faultd::flower

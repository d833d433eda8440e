#include "kernel/nft_match.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <optional>
#include <vector>

#include "kernel/address_bytes.h"

namespace faultd::nft {
namespace {

// The hash of a flow is the same in every rule, so that 20 per cent of the flows are a part of the
// 50 per cent that another fault has chosen.
constexpr uint32_t kFlowSeed = 0xfa17d;
constexpr uint32_t kPercent = 100;

// What one rule tells apart by its transport protocol.
struct Transport {
  std::optional<uint8_t> protocol;
  bool without_ports = false;  // everything but TCP and UDP
  bool has_ports = false;
};

std::vector<Transport> TransportsOf(const PacketMatch& match) {
  const Transport tcp{.protocol = IPPROTO_TCP, .has_ports = true};
  const Transport udp{.protocol = IPPROTO_UDP, .has_ports = true};
  switch (match.protocol) {
    case Protocol::kTcp:
      return {tcp};
    case Protocol::kUdp:
      return {udp};
    case Protocol::kIcmp:
      if (match.family() == Family::kIpv4) return {{.protocol = IPPROTO_ICMP}};
      return {{.protocol = IPPROTO_ICMPV6}};
    case Protocol::kAny:
      break;
  }
  if (!match.remote_ports.IsAll() || !match.local_ports.IsAll()) return {tcp, udp};
  if (match.flows_percent < kPercent) return {tcp, udp, {.without_ports = true}};
  return {Transport{}};
}

// Where the fields of the far and the near end are in a packet.
struct Fields {
  uint32_t address_size;
  uint32_t remote_address;
  uint32_t local_address;
  uint32_t remote_port;
  uint32_t local_port;
};

Fields FieldsOf(Family family, Direction direction) {
  const bool v4 = family == Family::kIpv4;
  const uint32_t source = v4 ? 12 : 8;  // RFC 791 and RFC 8200
  const uint32_t destination = v4 ? 16 : 24;
  const uint32_t size = v4 ? 4 : 16;
  if (direction == Direction::kEgress) return {size, destination, source, 2, 0};
  return {size, source, destination, 0, 2};
}

void MatchFamily(RuleWriter& rule, Family family) {
  rule.LoadMeta(NFT_META_PROTOCOL, NFT_REG_1);
  rule.Compare16(NFT_REG_1, NFT_CMP_EQ, family == Family::kIpv4 ? ETH_P_IP : ETH_P_IPV6);
}

void MatchAddress(RuleWriter& rule, const AddressSet& addresses, const Fields& fields,
                  const SetNamer& set_name) {
  if (addresses.IsAll()) return;
  rule.LoadPayload(NFT_PAYLOAD_NETWORK_HEADER, fields.remote_address, fields.address_size,
                   NFT_REG_1);
  if (NeedsSet(addresses)) {
    rule.Lookup(NFT_REG_1, set_name(addresses));
    return;
  }
  const Family family = addresses.family();
  const IpRange range = addresses.ranges().front();
  const AddressBytes first(family, range.first);
  const absl::uint128 host_bits = range.first ^ range.last;
  const bool is_prefix = (host_bits & (host_bits + 1)) == 0 && (range.first & host_bits) == 0;
  if (!is_prefix) {
    rule.Compare(NFT_REG_1, NFT_CMP_GTE, first.bytes());
    rule.Compare(NFT_REG_1, NFT_CMP_LTE, AddressBytes(family, range.last).bytes());
    return;
  }
  if (host_bits != 0) {
    rule.Mask(NFT_REG_1, AddressBytes(family, MaxAddress(family) ^ host_bits).bytes());
  }
  rule.Compare(NFT_REG_1, NFT_CMP_EQ, first.bytes());
}

void MatchTransport(RuleWriter& rule, const Transport& transport) {
  if (!transport.protocol && !transport.without_ports) return;
  rule.LoadMeta(NFT_META_L4PROTO, NFT_REG_1);
  if (transport.protocol) {
    rule.Compare8(NFT_REG_1, NFT_CMP_EQ, *transport.protocol);
  } else {
    rule.Compare8(NFT_REG_1, NFT_CMP_NEQ, IPPROTO_TCP);
    rule.Compare8(NFT_REG_1, NFT_CMP_NEQ, IPPROTO_UDP);
  }
}

void MatchPorts(RuleWriter& rule, const PortRange& ports, uint32_t offset) {
  if (ports.IsAll()) return;
  rule.LoadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2, NFT_REG_1);
  if (ports.first == ports.last) {
    rule.Compare16(NFT_REG_1, NFT_CMP_EQ, ports.first);
  } else {
    rule.Compare16(NFT_REG_1, NFT_CMP_GTE, ports.first);
    rule.Compare16(NFT_REG_1, NFT_CMP_LTE, ports.last);
  }
}

// Hashes far end before near end, so that both directions of a flow come to the same.
void MatchFlows(RuleWriter& rule, uint8_t percent, const Transport& transport,
                const Fields& fields) {
  if (percent >= kPercent) return;
  constexpr uint32_t kRegisterBytes = 4;
  constexpr uint32_t kFirst = NFT_REG32_04;
  uint32_t next = kFirst;
  for (uint32_t offset : {fields.remote_address, fields.local_address}) {
    rule.LoadPayload(NFT_PAYLOAD_NETWORK_HEADER, offset, fields.address_size, next);
    next += fields.address_size / kRegisterBytes;
  }
  if (transport.has_ports) {
    rule.LoadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, fields.remote_port, 2, next++);
    rule.LoadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, fields.local_port, 2, next++);
  }
  rule.LoadMeta(NFT_META_L4PROTO, next++);
  rule.Hash(kFirst, (next - kFirst) * kRegisterBytes, kPercent, kFlowSeed, NFT_REG_1);
  rule.Compare32(NFT_REG_1, NFT_CMP_LT, percent);
}

}  // namespace

bool NeedsSet(const AddressSet& addresses) { return addresses.ranges().size() > 1; }

void AddMatchRules(Batch& batch, std::string_view chain, const PacketMatch& match,
                   Direction direction, const SetNamer& set_name,
                   const std::function<void(RuleWriter&)>& verdict) {
  if (match.remote.empty() || match.flows_percent == 0) return;
  const Fields fields = FieldsOf(match.family(), direction);
  for (const Transport& transport : TransportsOf(match)) {
    batch.AddRule(chain, [&](RuleWriter& rule) {
      MatchFamily(rule, match.family());
      MatchAddress(rule, match.remote, fields, set_name);
      MatchTransport(rule, transport);
      MatchPorts(rule, match.remote_ports, fields.remote_port);
      MatchPorts(rule, match.local_ports, fields.local_port);
      MatchFlows(rule, match.flows_percent, transport, fields);
      verdict(rule);
    });
  }
}

void AddNeighbourDiscoveryRule(Batch& batch, std::string_view chain) {
  batch.AddRule(chain, [](RuleWriter& rule) {
    MatchFamily(rule, Family::kIpv6);
    MatchTransport(rule, {.protocol = IPPROTO_ICMPV6});
    rule.LoadPayload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
    rule.Compare8(NFT_REG_1, NFT_CMP_GTE, ND_ROUTER_SOLICIT);
    rule.Compare8(NFT_REG_1, NFT_CMP_LTE, ND_REDIRECT);
    rule.Verdict(NF_ACCEPT);
  });
}

}  // namespace faultd::nft

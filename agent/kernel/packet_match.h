#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ip.h"

namespace faultd {

enum class Direction : uint8_t { kEgress, kIngress };

// kAny is every IP packet of the family, kIcmp is ICMP for IPv4 and ICMPv6 for IPv6.
enum class Protocol : uint8_t { kAny, kTcp, kUdp, kIcmp };

// Inclusive; 0 to 65535 is "every packet, ports or not".
struct PortRange {
  uint16_t first = 0;
  uint16_t last = 65535;
  bool IsAll() const { return first == 0 && last == 65535; }
  bool Contains(uint16_t port) const { return first <= port && port <= last; }
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// One IP packet as far as matching looks at it; "remote" is the far end, whatever the direction.
struct Packet {
  IpAddress remote;
  Protocol protocol = Protocol::kAny;  // kAny: a protocol without ports that is not ICMP
  uint16_t remote_port = 0;
  uint16_t local_port = 0;
  uint8_t flow_percentile = 0;  // hash of the flow, 0 to 99
};

// A set of packets: the product of a set of remote addresses, a protocol, ports and a share of the
// flows. Ports that are not "all" need protocol kTcp or kUdp.
struct PacketMatch {
  AddressSet remote;
  Protocol protocol = Protocol::kAny;
  PortRange remote_ports;
  PortRange local_ports;
  uint8_t flows_percent = 100;  // flows whose percentile is below this

  Family family() const { return remote.family(); }
  bool Matches(const Packet& packet) const;
  friend bool operator==(const PacketMatch&, const PacketMatch&) = default;
};

// The packets that are in both; nothing when there are none.
std::optional<PacketMatch> Intersect(const PacketMatch& a, const PacketMatch& b);

// Whether every packet of `inner` is in `outer`.
bool Covers(const PacketMatch& outer, const PacketMatch& inner);

}  // namespace faultd

#include "kernel/packet_match.h"

#include <algorithm>

namespace faultd {
namespace {

std::optional<PortRange> Intersect(PortRange a, PortRange b) {
  const PortRange both{std::max(a.first, b.first), std::min(a.last, b.last)};
  if (both.first > both.last) return std::nullopt;
  return both;
}

bool HasPorts(Protocol protocol) {
  return protocol == Protocol::kTcp || protocol == Protocol::kUdp;
}

}  // namespace

bool PacketMatch::Matches(const Packet& packet) const {
  if (packet.remote.family != family() || !remote.Contains(packet.remote.value)) return false;
  if (protocol != Protocol::kAny && protocol != packet.protocol) return false;
  if (packet.flow_percentile >= flows_percent) return false;
  if (remote_ports.IsAll() && local_ports.IsAll()) return true;
  return HasPorts(packet.protocol) && remote_ports.Contains(packet.remote_port) &&
         local_ports.Contains(packet.local_port);
}

std::optional<PacketMatch> Intersect(const PacketMatch& a, const PacketMatch& b) {
  if (a.family() != b.family()) return std::nullopt;
  if (a.protocol != Protocol::kAny && b.protocol != Protocol::kAny && a.protocol != b.protocol)
    return std::nullopt;
  const auto remote_ports = Intersect(a.remote_ports, b.remote_ports);
  const auto local_ports = Intersect(a.local_ports, b.local_ports);
  if (!remote_ports || !local_ports) return std::nullopt;
  AddressSet remote = a.remote.Intersect(b.remote);
  if (remote.empty()) return std::nullopt;
  return PacketMatch{std::move(remote), a.protocol == Protocol::kAny ? b.protocol : a.protocol,
                     *remote_ports, *local_ports, std::min(a.flows_percent, b.flows_percent)};
}

bool Covers(const PacketMatch& outer, const PacketMatch& inner) {
  const auto both = Intersect(outer, inner);
  return both && *both == inner;
}

}  // namespace faultd

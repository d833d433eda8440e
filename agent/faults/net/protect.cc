#include "faults/net/protect.h"

#include <string_view>

namespace faultd {
namespace {

AddressSet SetOf(Family family, const std::vector<IpAddress>& addresses) {
  std::vector<IpRange> ranges;
  for (const IpAddress& address : addresses) {
    if (address.family == family) ranges.push_back({address.value, address.value});
  }
  return AddressSet(family, std::move(ranges));
}

PortRange One(uint16_t port) { return {port, port}; }

std::vector<IpAddress> LinkLocalServices() {
  std::vector<IpAddress> addresses;
  for (std::string_view text :
       {"169.254.169.254", "169.254.169.253", "169.254.170.2", "fd00:ec2::254", "fd00:ec2::253"}) {
    addresses.push_back(*IpAddress::Parse(text));
  }
  return addresses;
}

}  // namespace

std::vector<PacketMatch> BuildProtection(const ProtectedEndpoints& endpoints) {
  constexpr uint16_t kDns = 53;
  constexpr uint16_t kHttps = 443;
  std::vector<PacketMatch> matches;
  const auto add = [&](AddressSet remote, Protocol protocol, PortRange remote_ports,
                       PortRange local_ports = {}) {
    if (!remote.empty())
      matches.push_back({std::move(remote), protocol, remote_ports, local_ports});
  };
  const std::vector<IpAddress> services = LinkLocalServices();
  for (Family family : {Family::kIpv4, Family::kIpv6}) {
    const AddressSet resolvers = SetOf(family, endpoints.resolvers);
    add(SetOf(family, services), Protocol::kAny, {});
    add(resolvers, Protocol::kUdp, One(kDns));
    add(resolvers, Protocol::kTcp, One(kDns));
    add(SetOf(family, endpoints.control_endpoints), Protocol::kTcp, One(kHttps));
  }
  add(AddressSet::All(Family::kIpv4), Protocol::kUdp, One(67), One(68));    // DHCP, RFC 2131
  add(AddressSet::All(Family::kIpv6), Protocol::kUdp, One(547), One(546));  // DHCPv6, RFC 8415
  for (const RemoteEnd& end : endpoints.connections)
    add(SetOf(end.address.family, {end.address}), Protocol::kTcp, One(end.port));
  if (endpoints.listening_port != 0) {
    for (Family family : {Family::kIpv4, Family::kIpv6})
      add(AddressSet::All(family), Protocol::kTcp, {}, One(endpoints.listening_port));
  }
  matches.insert(matches.end(), endpoints.configured.begin(), endpoints.configured.end());
  return matches;
}

}  // namespace faultd

#pragma once

#include <vector>

#include "base/ip.h"
#include "kernel/connections.h"
#include "kernel/packet_match.h"

namespace faultd {

// What must never be cut off, as far as it has to be looked up.
struct ProtectedEndpoints {
  std::vector<IpAddress> resolvers;          // DNS servers in use
  std::vector<IpAddress> control_endpoints;  // AWS control APIs of the region, TCP 443
  std::vector<RemoteEnd> connections;        // of the agents that an operator needs, TCP
  uint16_t listening_port = 0;               // where gRPC clients come to, TCP; 0: nowhere
  std::vector<PacketMatch> configured;       // [protect] in the configuration
};

// The matches for SteeringChain::protect: the endpoints above, DHCP, and the link-local services of
// EC2 and ECS (instance metadata 169.254.169.254 and fd00:ec2::254, resolver 169.254.169.253 and
// fd00:ec2::253, task metadata and credentials 169.254.170.2; EC2 and ECS user guides). ARP and
// neighbour discovery are never steered anyway.
std::vector<PacketMatch> BuildProtection(const ProtectedEndpoints& endpoints);

}  // namespace faultd

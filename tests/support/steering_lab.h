#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/steering.h"
#include "support/netns.h"

namespace faultd {

// One packet for the lab to send; `local` is an address of the lab's host. The payload begins with
// the ports where the protocol has them.
struct LabPacket {
  Direction direction = Direction::kEgress;  // as the host sees it
  IpAddress remote;
  uint8_t ip_protocol = 0;  // IPPROTO_…
  uint16_t remote_port = 0;
  uint16_t local_port = 0;
  uint8_t icmp_type = 8;

  Packet AsPacket() const;
};

// Two hosts: the test's thread lives in one, whose interface v0 (10.9.0.1, fd09::1) leads to v1 of
// the peer (10.9.0.2 to .9, fd09::2 to ::9). The first has the links faultd0 (up) and faultd-null
// (down).
class SteeringLab : public NetnsTest {
 protected:
  void SetUp() override;

  const Netns& peer() const { return peer_.front(); }

  // Puts a frame on the wire by a packet socket: out of v0 or out of v1. The frame is addressed to
  // nobody, so that nothing answers.
  void Send(const LabPacket& packet) const;
  // Packets that v1 has received so far.
  uint64_t PeerReceived() const;

  // Waits until the counter has reached a value; false after two seconds.
  static bool AwaitCount(Steering& steering, const std::string& counter, uint64_t packets);
  static bool Await(const std::function<bool()>& condition);
  static uint64_t CountOf(Steering& steering, const std::string& counter);

  // Everything that a steering could leave behind, as the tools show it.
  static std::string Snapshot();

  static AddressSet Addresses(const std::vector<std::string>& cidrs);
  static PacketMatch To(const std::vector<std::string>& cidrs);
  SteeringChain Chain(Direction direction) const;
  // A rule that diverts to faultd-null and counts as `counter`.
  SteeringRule Drop(std::vector<PacketMatch> match, std::string counter) const;

  int v0_ = 0;
  int up_ = 0;    // faultd0
  int null_ = 0;  // faultd-null

 private:
  std::vector<Netns> peer_;
  UniqueFd to_peer_;  // packet sockets
  UniqueFd to_host_;
};

// What the two kernels tell each other of their own accord, which disturbs exact counting.
PacketMatch BackgroundTraffic();

// A table of as many rules in each direction and many packets made by chance: the counters must be
// what PacketMatch::Matches says of each packet. For any steering that can do without flows.
struct ContractCase {
  SteeringTable table;
  std::vector<LabPacket> packets;
};
ContractCase MakeContractCase(unsigned seed, int ifindex, int link_index, int rules = 5);
std::map<std::string, uint64_t> ExpectedCounts(const ContractCase& contract);

}  // namespace faultd

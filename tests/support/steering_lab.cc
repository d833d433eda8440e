#include "support/steering_lab.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "kernel/address_bytes.h"

namespace faultd {
namespace {

constexpr size_t kPayloadBytes = 32;

void Append(std::vector<std::byte>& to, const void* data, size_t size) {
  const auto* begin = static_cast<const std::byte*>(data);
  to.insert(to.end(), begin, begin + size);
}

IpAddress LocalAddress(Family family) {
  return *IpAddress::Parse(family == Family::kIpv4 ? "10.9.0.1" : "fd09::1");
}

void AppendIpHeader(std::vector<std::byte>& frame, const LabPacket& packet) {
  const Family family = packet.remote.family;
  const AddressBytes remote(family, packet.remote.value);
  const AddressBytes local(family, LocalAddress(family).value);
  const bool out = packet.direction == Direction::kEgress;
  const auto source = out ? local.bytes() : remote.bytes();
  const auto destination = out ? remote.bytes() : local.bytes();
  if (family == Family::kIpv4) {
    iphdr header{};
    header.version = 4;
    header.ihl = 5;
    header.ttl = 64;
    header.protocol = packet.ip_protocol;
    header.tot_len = htons(sizeof(header) + kPayloadBytes);
    memcpy(&header.saddr, source.data(), source.size());
    memcpy(&header.daddr, destination.data(), destination.size());
    Append(frame, &header, sizeof(header));
  } else {
    ip6_hdr header{};
    header.ip6_flow = htonl(6U << 28);
    header.ip6_nxt = packet.ip_protocol;
    header.ip6_hlim = 64;
    header.ip6_plen = htons(kPayloadBytes);
    memcpy(&header.ip6_src, source.data(), source.size());
    memcpy(&header.ip6_dst, destination.data(), destination.size());
    Append(frame, &header, sizeof(header));
  }
}

std::vector<std::byte> Frame(const LabPacket& packet) {
  const bool v4 = packet.remote.family == Family::kIpv4;
  ethhdr ethernet{};
  const std::array<uint8_t, ETH_ALEN> nobody = {2, 0, 0, 0, 0, 0x99};
  memcpy(ethernet.h_dest, nobody.data(), nobody.size());
  ethernet.h_proto = htons(v4 ? ETH_P_IP : ETH_P_IPV6);
  std::vector<std::byte> frame;
  Append(frame, &ethernet, sizeof(ethernet));
  AppendIpHeader(frame, packet);
  std::array<uint8_t, kPayloadBytes> payload{};
  if (packet.ip_protocol == IPPROTO_TCP || packet.ip_protocol == IPPROTO_UDP) {
    const bool out = packet.direction == Direction::kEgress;
    const std::array<uint16_t, 2> ports = {htons(out ? packet.local_port : packet.remote_port),
                                           htons(out ? packet.remote_port : packet.local_port)};
    memcpy(payload.data(), ports.data(), sizeof(ports));
    payload[12] = 5 << 4;  // length of the TCP header
  } else {
    payload[0] = packet.icmp_type;
  }
  Append(frame, payload.data(), payload.size());
  return frame;
}

UniqueFd OpenPacketSocket(const char* interface) {
  UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

// Whether the interface is up and the other end as well.
bool IsRunning(int fd, const char* interface) {
  ifreq request{};
  strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
  return ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) != 0;
}

}  // namespace

Packet LabPacket::AsPacket() const {
  Packet packet{.remote = remote, .remote_port = remote_port, .local_port = local_port};
  if (ip_protocol == IPPROTO_TCP) packet.protocol = Protocol::kTcp;
  if (ip_protocol == IPPROTO_UDP) packet.protocol = Protocol::kUdp;
  const int icmp = remote.family == Family::kIpv4 ? static_cast<int>(IPPROTO_ICMP)
                                                  : static_cast<int>(IPPROTO_ICMPV6);
  if (ip_protocol == icmp) packet.protocol = Protocol::kIcmp;
  return packet;
}

void SteeringLab::SetUp() {
  NetnsTest::SetUp();
  if (IsSkipped() || HasFatalFailure()) return;
  // All packets by one CPU arrive in the order in which they were sent.
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(sched_getcpu()), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  peer_.push_back(Netns::Create());
  // In as few commands as possible: each takes long in User Mode Linux.
  Sh("ip -batch - <<'END'\n"
     "link add v0 type veth peer name v1 netns " +
     peer().path() +
     "\n"
     "address add 10.9.0.1/24 dev v0\naddress add fd09::1/64 dev v0 nodad\nlink set v0 up\n"
     "link add faultd0 type ifb\nlink set faultd0 up\nlink add faultd-null type ifb\nEND");
  std::string peer_setup;
  for (int i = 2; i < 10; ++i) {
    StrAppend(&peer_setup, "address add 10.9.0.", i, "/24 dev v1\naddress add fd09::", i,
              "/64 dev v1 nodad\n");
  }
  peer().Run([&] { Sh("ip -batch - <<'END'\n" + peer_setup + "link set v1 up\nEND"); });
  to_host_ = peer().Run([] { return OpenPacketSocket("v1"); });
  to_peer_ = OpenPacketSocket("v0");
  v0_ = static_cast<int>(if_nametoindex("v0"));
  up_ = static_cast<int>(if_nametoindex("faultd0"));
  null_ = static_cast<int>(if_nametoindex("faultd-null"));
  ASSERT_TRUE(Await([&] { return IsRunning(to_peer_.get(), "v0"); }));
}

void SteeringLab::Send(const LabPacket& packet) const {
  const std::vector<std::byte> frame = Frame(packet);
  const int fd = packet.direction == Direction::kEgress ? to_peer_.get() : to_host_.get();
  // A packet that is forwarded to a link that is down may be reported to its sender; all the same.
  if (send(fd, frame.data(), frame.size(), 0) < 0) {
    ASSERT_EQ(errno, ENOBUFS);
  }
}

uint64_t SteeringLab::PeerReceived() const {
  return peer().Run([] {
    uint64_t packets = 0;
    std::ifstream devices("/proc/thread-self/net/dev");
    for (std::string line; std::getline(devices, line);) {
      const size_t at = line.find("v1:");
      uint64_t bytes = 0;
      if (at != std::string::npos) std::istringstream(line.substr(at + 3)) >> bytes >> packets;
    }
    return packets;
  });
}

bool SteeringLab::Await(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

uint64_t SteeringLab::CountOf(Steering& steering, const std::string& counter) {
  const auto state = steering.Read();
  EXPECT_TRUE(state.ok()) << state.status();
  if (!state.ok() || !state->counters.contains(counter)) return 0;
  return state->counters.at(counter).packets;
}

bool SteeringLab::AwaitCount(Steering& steering, const std::string& counter, uint64_t packets) {
  return Await([&] { return CountOf(steering, counter) >= packets; });
}

std::string SteeringLab::Snapshot() {
  return Sh(
      "nft list ruleset 2>/dev/null || :; ip link; tc qdisc show;"
      "tc filter show dev v0 ingress; tc filter show dev v0 egress; tc actions list action mirred");
}

AddressSet SteeringLab::Addresses(const std::vector<std::string>& cidrs) {
  std::vector<IpRange> ranges;
  Family family = Family::kIpv4;
  for (const std::string& cidr : cidrs) {
    const auto prefix = IpPrefix::Parse(cidr);
    EXPECT_TRUE(prefix.ok()) << prefix.status();
    family = prefix->address.family;
    ranges.push_back(prefix->range());
  }
  return AddressSet(family, std::move(ranges));
}

PacketMatch SteeringLab::To(const std::vector<std::string>& cidrs) {
  return PacketMatch{.remote = Addresses(cidrs)};
}

SteeringChain SteeringLab::Chain(Direction direction) const {
  return {.interface = "v0", .ifindex = v0_, .direction = direction};
}

SteeringRule SteeringLab::Drop(std::vector<PacketMatch> match, std::string counter) const {
  return {.match = std::move(match), .link_index = null_, .counters = {std::move(counter)}};
}

namespace {

constexpr std::array kPorts = {uint16_t{0},   uint16_t{22},   uint16_t{80},
                               uint16_t{443}, uint16_t{8080}, uint16_t{65535}};

// Few different values, so that rules and packets meet often.
class RandomCase {
 public:
  explicit RandomCase(unsigned seed) : random_(seed) {}

  int Below(int limit) { return std::uniform_int_distribution(0, limit - 1)(random_); }

  absl::uint128 Address(Family family) {
    const absl::uint128 base = LocalAddress(family).value & ~absl::uint128(0xff);
    return base + static_cast<unsigned>(2 + Below(60));
  }

  AddressSet Set(Family family) {
    if (Below(5) == 0) return AddressSet::All(family);
    std::vector<IpRange> ranges(static_cast<size_t>(1 + Below(4)));
    const bool single = Below(3) == 0;
    for (IpRange& range : ranges) {
      range.first = Address(family);
      range.last = range.first + static_cast<unsigned>(single ? 0 : Below(8));
    }
    return AddressSet(family, std::move(ranges));
  }

  PortRange Ports() {
    if (Below(2) == 0) return {};
    const uint16_t first = kPorts.at(static_cast<size_t>(Below(kPorts.size())));
    const uint16_t last = kPorts.at(static_cast<size_t>(Below(kPorts.size())));
    return {std::min(first, last), std::max(first, last)};
  }

  PacketMatch Match() {
    PacketMatch match{.remote = Set(Below(2) == 0 ? Family::kIpv4 : Family::kIpv6),
                      .protocol = static_cast<Protocol>(Below(4))};
    if (match.protocol == Protocol::kTcp || match.protocol == Protocol::kUdp) {
      match.remote_ports = Ports();
      match.local_ports = Ports();
    }
    return match;
  }

  std::vector<PacketMatch> Matches(int most) {
    std::vector<PacketMatch> matches;
    for (int i = Below(most + 1); i > 0; --i) matches.push_back(Match());
    return matches;
  }

  LabPacket Packet() {
    LabPacket packet;
    const Family family = Below(2) == 0 ? Family::kIpv4 : Family::kIpv6;
    const std::array<int, 4> protocols = {
        IPPROTO_TCP, IPPROTO_UDP,
        family == Family::kIpv4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6),
        132};
    packet.direction = Below(2) == 0 ? Direction::kEgress : Direction::kIngress;
    packet.remote = {family, Address(family)};
    packet.ip_protocol = static_cast<uint8_t>(protocols.at(static_cast<size_t>(Below(4))));
    packet.remote_port = kPorts.at(static_cast<size_t>(Below(kPorts.size())));
    packet.local_port = kPorts.at(static_cast<size_t>(Below(kPorts.size())));
    if (family == Family::kIpv6) packet.icmp_type = Below(4) == 0 ? ND_NEIGHBOR_ADVERT : 128;
    return packet;
  }

 private:
  std::mt19937 random_;
};

bool Hits(const std::vector<PacketMatch>& matches, const Packet& packet) {
  return std::ranges::any_of(matches,
                             [&](const PacketMatch& match) { return match.Matches(packet); });
}

}  // namespace

PacketMatch BackgroundTraffic() {
  std::vector<IpRange> ranges;
  for (const char* cidr : {"::", "fe80::/10", "ff00::/8"}) {
    ranges.push_back(IpPrefix::Parse(cidr)->range());
  }
  return {.remote = AddressSet(Family::kIpv6, std::move(ranges))};
}

ContractCase MakeContractCase(unsigned seed, int ifindex, int link_index, int rules) {
  RandomCase random(seed);
  ContractCase contract;
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    SteeringChain chain{.interface = "v0", .ifindex = ifindex, .direction = direction};
    chain.protect = random.Matches(1);
    chain.protect.push_back(BackgroundTraffic());
    for (int i = 0; i < rules; ++i) {
      SteeringRule rule{.match = random.Matches(3), .link_index = link_index};
      if (random.Below(2) == 0) rule.except = random.Matches(2);
      rule.counters = {StrCat(direction == Direction::kEgress ? "out" : "in", i), "all"};
      chain.rules.push_back(std::move(rule));
    }
    contract.table.push_back(std::move(chain));
  }
  for (int i = 0; i < 300; ++i) contract.packets.push_back(random.Packet());
  return contract;
}

std::map<std::string, uint64_t> ExpectedCounts(const ContractCase& contract) {
  std::map<std::string, uint64_t> counts;
  for (const SteeringChain& chain : contract.table) {
    for (const SteeringRule& rule : chain.rules) {
      for (const std::string& counter : rule.counters) counts.try_emplace(counter, 0);
    }
    for (const LabPacket& sent : contract.packets) {
      const Packet packet = sent.AsPacket();
      const bool discovery = sent.remote.family == Family::kIpv6 &&
                             sent.ip_protocol == IPPROTO_ICMPV6 &&
                             sent.icmp_type == ND_NEIGHBOR_ADVERT;
      if (sent.direction != chain.direction || discovery || Hits(chain.protect, packet)) continue;
      for (const SteeringRule& rule : chain.rules) {
        if (!Hits(rule.match, packet) || Hits(rule.except, packet)) continue;
        for (const std::string& counter : rule.counters) ++counts[counter];
        break;
      }
    }
  }
  return counts;
}

}  // namespace faultd

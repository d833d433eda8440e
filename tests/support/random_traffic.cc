#include "support/random_traffic.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>

#include "base/strings.h"

namespace faultd {

uint64_t RandomTraffic::Seed() {
  static const uint64_t seed = [] {
    const char* asked = std::getenv("FAULTD_TEST_SEED");
    const uint64_t chosen = asked == nullptr                      ? 20240117
                            : std::string_view(asked) == "random" ? std::random_device()()
                                                                  : strtoull(asked, nullptr, 0);
    std::cout << "FAULTD_TEST_SEED=" << chosen << std::endl;
    return chosen;
  }();
  return seed;
}

// 64 addresses: 8 at the low end, 8 at the high end, the others in the middle.
absl::uint128 RandomTraffic::Address(Family family) {
  const auto offset = static_cast<uint64_t>(Below(8));
  if (OneIn(8)) return offset;
  if (OneIn(8)) return MaxAddress(family) - offset;
  return (MaxAddress(family) >> 3) + static_cast<uint64_t>(Below(48));
}

AddressSet RandomTraffic::Addresses(Family family) {
  if (OneIn(5)) return AddressSet::All(family);
  std::vector<IpRange> ranges;
  for (int i = Below(4); i >= 0; --i) {
    const absl::uint128 a = Address(family);
    const absl::uint128 b = OneIn(3) ? a : Address(family);
    ranges.push_back({std::min(a, b), std::max(a, b)});
  }
  return AddressSet(family, std::move(ranges));
}

uint16_t RandomTraffic::Port() {
  constexpr std::array<uint16_t, 8> kPorts = {0, 1, 80, 81, 443, 8080, 65534, 65535};
  return kPorts[static_cast<size_t>(Below(kPorts.size()))];
}

PortRange RandomTraffic::Ports() {
  if (OneIn(2)) return {};
  const auto [first, last] = std::minmax({Port(), Port()});
  return {first, last};
}

PacketMatch RandomTraffic::Match() {
  constexpr std::array kProtocols = {Protocol::kAny, Protocol::kTcp, Protocol::kUdp,
                                     Protocol::kIcmp};
  constexpr std::array<uint8_t, 4> kShares = {1, 30, 31, 99};
  PacketMatch match{Addresses(OneIn(2) ? Family::kIpv4 : Family::kIpv6)};
  match.protocol = kProtocols[static_cast<size_t>(Below(4))];
  if (match.protocol == Protocol::kTcp || match.protocol == Protocol::kUdp) {
    match.remote_ports = Ports();
    match.local_ports = Ports();
  }
  if (OneIn(4)) match.flows_percent = kShares[static_cast<size_t>(Below(4))];
  return match;
}

TrafficSet RandomTraffic::Traffic() {
  TrafficSet traffic;
  for (int i = Below(4); i >= 0; --i) traffic.match.push_back(Match());
  for (int i = Below(3); i > 0; --i) traffic.except.push_back(Match());
  return traffic;
}

PacketEffect RandomTraffic::Effect(bool may_burst) {
  PacketEffect effect;
  if (OneIn(5)) {
    effect.blackhole = true;
    return effect;
  }
  Netem& netem = effect.netem;
  if (OneIn(2)) {
    netem.delay = std::chrono::milliseconds(1 + Below(500));
    if (OneIn(2)) {
      netem.jitter = netem.delay / (1 + Below(5));
      netem.delay_correlation = Below(101) / 100.0;
      netem.distribution = static_cast<DelayDistribution>(Below(4));
    }
  }
  if (may_burst && OneIn(2)) {
    netem.burst_loss = BurstLoss{0.1, 0.3, 0.5 + Below(6) / 10.0, Below(5) / 10.0};
  } else if (OneIn(2)) {
    netem.loss = (1 + Below(100)) / 100.0;
    netem.loss_correlation = Below(101) / 100.0;
  }
  return effect;
}

std::vector<NetworkFault> RandomTraffic::Faults(int most) {
  std::vector<NetworkFault> faults;
  const int burst = Below(most);
  for (int i = Below(most); i >= 0; --i) {
    faults.push_back({StrCat("f", i), Traffic(), Effect(i == burst)});
  }
  return faults;
}

Packet RandomTraffic::AnyPacket() {
  constexpr std::array kProtocols = {Protocol::kAny, Protocol::kTcp, Protocol::kUdp,
                                     Protocol::kIcmp};
  constexpr std::array<uint8_t, 7> kPercentiles = {0, 1, 29, 30, 31, 98, 99};
  const Family family = OneIn(2) ? Family::kIpv4 : Family::kIpv6;
  Packet packet{{family, Address(family)}};
  packet.protocol = kProtocols[static_cast<size_t>(Below(4))];
  if (packet.protocol == Protocol::kTcp || packet.protocol == Protocol::kUdp) {
    packet.remote_port = Port();
    packet.local_port = Port();
    // One step beside a boundary.
    if (OneIn(3)) ++packet.remote_port;
    if (OneIn(3)) --packet.local_port;
  }
  packet.flow_percentile = kPercentiles[static_cast<size_t>(Below(kPercentiles.size()))];
  return packet;
}

}  // namespace faultd

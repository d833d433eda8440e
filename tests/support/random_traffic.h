#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "faults/net/compiler.h"

namespace faultd {

// Random faults and packets that meet often: addresses, ports and shares of flows come from a few
// places, so that sets overlap, touch, contain each other and share their boundaries.
class RandomTraffic {
 public:
  explicit RandomTraffic(uint64_t seed) : generator_(seed) {}

  // The seed of all property tests: FAULTD_TEST_SEED when set ("random" for a fresh one), else
  // fixed. Printed, so that a failure can be repeated.
  static uint64_t Seed();

  PacketMatch Match();
  TrafficSet Traffic();
  // Never two burst losses in one list, which could not be combined.
  std::vector<NetworkFault> Faults(int most);
  PacketEffect Effect(bool may_burst);
  // Near the boundaries of what the other functions make.
  Packet AnyPacket();

  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(generator_); }
  bool OneIn(int n) { return Below(n) == 0; }

 private:
  AddressSet Addresses(Family family);
  absl::uint128 Address(Family family);
  PortRange Ports();
  uint16_t Port();

  std::mt19937_64 generator_;
};

}  // namespace faultd

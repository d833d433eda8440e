#pragma once

#include <vector>

#include "kernel/packet_match.h"

namespace faultd {

// A set of packets of one direction: any of `match`, and none of `except`.
struct TrafficSet {
  std::vector<PacketMatch> match;
  std::vector<PacketMatch> except;

  bool empty() const { return match.empty(); }
  bool Matches(const Packet& packet) const;
  friend bool operator==(const TrafficSet&, const TrafficSet&) = default;
};

// The packets that are in both, simplified.
TrafficSet Intersect(const TrafficSet& a, const TrafficSet& b);

// The same set in fewer words: exceptions for whole addresses are taken out of the addresses,
// matches that another match covers or that are wholly excepted go, exceptions that except nothing
// go. Empty exactly when `match` is, as far as single exceptions decide it.
TrafficSet Simplify(TrafficSet traffic);

}  // namespace faultd

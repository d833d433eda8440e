#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "faults/net/traffic.h"
#include "kernel/qdiscs.h"

namespace faultd {

// What happens to a packet: it vanishes, or it goes through netem (whose limit is not looked at
// here).
struct PacketEffect {
  bool blackhole = false;
  Netem netem;
  friend bool operator==(const PacketEffect&, const PacketEffect&) = default;
};

// One network fault as the compiler sees it.
struct NetworkFault {
  std::string id;
  TrafficSet traffic;
  PacketEffect effect;
};

// Packets that are treated alike.
struct TrafficClass {
  TrafficSet traffic;
  std::vector<size_t> faults;  // positions of the faults that match these packets, ascending
  PacketEffect effect;         // of all of them together
};

// Classes beyond this are refused: overlapping faults can double their number each.
inline constexpr size_t kMaxTrafficClasses = 4096;

// What two faults that match the same packet do to it together: delays and jitters add, losses
// combine as 1-(1-p)(1-q), the higher correlation wins, blackhole wins over all. A burst loss takes
// a uniform loss into both of its states; two burst losses cannot be combined
// (FAILED_PRECONDITION). Unlike distributions become normal, as sums of random delays tend to be.
StatusOr<PacketEffect> Combine(const PacketEffect& a, const PacketEffect& b);

// Turns faults into an ordered list of classes: for any packet, the first class that matches has
// exactly the faults that match the packet, and their combined effect; a packet that no fault
// matches is matched by no class. Pure. RESOURCE_EXHAUSTED beyond kMaxTrafficClasses.
StatusOr<std::vector<TrafficClass>> Compile(std::span<const NetworkFault> faults);

}  // namespace faultd

#include "faults/net/traffic.h"

#include <algorithm>

namespace faultd {
namespace {

bool AnyMatches(const std::vector<PacketMatch>& matches, const Packet& packet) {
  return std::any_of(matches.begin(), matches.end(),
                     [&](const PacketMatch& match) { return match.Matches(packet); });
}

// Whether they are apart at first glance, as most are when there are many faults.
bool Apart(const AddressSet& a, const AddressSet& b) {
  return a.family() != b.family() || a.empty() || b.empty() ||
         a.ranges().back().last < b.ranges().front().first ||
         b.ranges().back().last < a.ranges().front().first;
}

bool Overlap(const PacketMatch& a, const PacketMatch& b) { return Intersect(a, b).has_value(); }

// Whether `except` leaves nothing of `match` but by address, so that subtracting the addresses is
// the same set.
bool DiffersOnlyByAddress(const PacketMatch& match, const PacketMatch& except) {
  PacketMatch widened = except;
  widened.remote = AddressSet::All(except.family());
  return Covers(widened, match);
}

// Takes out what other elements cover; of two equal ones the first stays.
void DropCovered(std::vector<PacketMatch>& matches) {
  for (size_t i = 0; i < matches.size();) {
    bool covered = false;
    for (size_t j = 0; j < matches.size() && !covered; ++j) {
      covered = i != j && Covers(matches[j], matches[i]) && (j < i || matches[j] != matches[i]);
    }
    if (covered) {
      matches.erase(matches.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

}  // namespace

bool TrafficSet::Matches(const Packet& packet) const {
  return AnyMatches(match, packet) && !AnyMatches(except, packet);
}

TrafficSet Intersect(const TrafficSet& a, const TrafficSet& b) {
  TrafficSet both;
  for (const PacketMatch& left : a.match) {
    for (const PacketMatch& right : b.match) {
      if (Apart(left.remote, right.remote)) continue;
      if (auto match = Intersect(left, right)) both.match.push_back(*std::move(match));
    }
  }
  if (both.match.empty()) return both;
  both.except = a.except;
  both.except.insert(both.except.end(), b.except.begin(), b.except.end());
  return Simplify(std::move(both));
}

TrafficSet Simplify(TrafficSet traffic) {
  for (PacketMatch& match : traffic.match) {
    for (const PacketMatch& except : traffic.except) {
      if (except.family() == match.family() && DiffersOnlyByAddress(match, except)) {
        match.remote = match.remote.Subtract(except.remote);
      }
    }
  }
  std::erase_if(traffic.match, [](const PacketMatch& match) { return match.remote.empty(); });
  DropCovered(traffic.match);
  std::erase_if(traffic.except, [&](const PacketMatch& except) {
    return std::none_of(traffic.match.begin(), traffic.match.end(),
                        [&](const PacketMatch& match) { return Overlap(match, except); });
  });
  DropCovered(traffic.except);
  return traffic;
}

}  // namespace faultd

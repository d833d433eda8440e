#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kernel/packet_match.h"

namespace faultd {

// What happens to the packets of one class: they are counted and forwarded to a link.
struct SteeringRule {
  std::vector<PacketMatch> match;   // hit: any of these …
  std::vector<PacketMatch> except;  // … and none of these
  int link_index = 0;               // ifindex to forward to
  // Share of the hit packets that is forwarded, chosen at random, above 0 to 1; the others pass.
  double share = 1;
  // Names of counters that count every hit packet, and every forwarded one. 1 to 64 of [a-z0-9._-].
  std::vector<std::string> counters;
  std::vector<std::string> forwarded_counters;
  friend bool operator==(const SteeringRule&, const SteeringRule&) = default;
};

// What happens to the packets that pass one interface in one direction. The first rule that a
// packet hits decides; packets in `protect` are never touched. Packets that are not IP (ARP), and
// neighbour discovery (ICMPv6 types 133 to 137), always pass.
struct SteeringChain {
  std::string interface;
  int ifindex = 0;
  Direction direction = Direction::kEgress;
  std::vector<PacketMatch> protect;
  std::vector<SteeringRule> rules;
  friend bool operator==(const SteeringChain&, const SteeringChain&) = default;
};

// All chains; at most one for an interface and direction.
using SteeringTable = std::vector<SteeringChain>;

struct PacketCounter {
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

// What of ours was found in the kernel.
struct SteeringState {
  bool present = false;  // anything at all
  size_t rules = 0;      // rules of this process, or filters of ours, that forward
  std::vector<std::string>
      names;  // for people: "nftables table faultd", "flower filters on ens5 egress"
  // Counted since the counter's name first appeared in an applied table. Kept over later tables for
  // as long as the name is in them.
  std::map<std::string, PacketCounter> counters;
};

// A clsact qdisc that is ours. The interface may be called otherwise by now: its index stays; 0 is
// that of whatever has the name.
struct OwnHook {
  std::string interface;
  int ifindex = 0;
  bool operator==(const OwnHook&) const = default;
};

// Sends chosen packets to other links. Two ways to do it: NftSteering (nftables, owned: the kernel
// removes everything when this process dies) and FlowerSteering (clsact, for older kernels).
// Used from one thread.
class Steering {
 public:
  virtual ~Steering() = default;

  // "nftables" or "flower".
  virtual std::string_view name() const = 0;

  // Makes the kernel's state equal to `table`, whatever it was before, in one transaction where the
  // mechanism has them: no packet sees a mixture, counters of rules that stay go on. An empty table
  // removes everything of ours. On error the state before is kept (nftables) or everything is
  // removed (flower).
  virtual Status Apply(const SteeringTable& table) = 0;

  // Reads back from the kernel.
  virtual StatusOr<SteeringState> Read() = 0;

  // SteeringState::rules alone, which may be had faster.
  virtual StatusOr<size_t> CountRules() {
    ASSIGN_OR_RETURN(const SteeringState state, Read());
    return state.rules;
  }

  // OK, or why this mechanism cannot express the rule ("flows_percent needs nftables …").
  virtual Status Supports(const SteeringRule& rule) const = 0;

  // The hooks (clsact qdiscs) on the interfaces of `names` that are ours or would have to be made,
  // so that they can be recorded before. Empty for nftables.
  virtual StatusOr<std::vector<OwnHook>> HooksToOwn(const std::vector<std::string>& names) = 0;

  // Recovery: the process before us had made these hooks; the next Apply that leaves nothing on
  // them removes them.
  virtual void AdoptHooks(const std::vector<OwnHook>& hooks) = 0;
};

}  // namespace faultd

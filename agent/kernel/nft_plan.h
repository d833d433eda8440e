#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/strings.h"
#include "kernel/steering.h"

// What the table has for a SteeringTable, and under which names, so that most of it can stay as it
// is when the SteeringTable changes.
namespace faultd::nft {

// Prefixes of the names of chains that base chains lead to; the numbers behind them are unique.
inline constexpr std::string_view kSegmentPrefix = "segment_";
inline constexpr std::string_view kClassPrefix = "class_";
inline constexpr std::string_view kActionPrefix = "action_";

// Numbers in the names of things in the table.
class NameCounter {
 public:
  std::string Next(std::string_view prefix) { return StrCat(prefix, next_++); }

 private:
  uint64_t next_ = 0;
};

// "egress_ens5_2": the same for as long as the interface is the same.
std::string BaseChainName(const SteeringChain& chain);

// What happens to the packets that a rule hits. It is in a chain of its own, which can stay when
// the rule is put in anew.
struct Action {
  explicit Action(const SteeringRule& rule)
      : link_index(rule.link_index),
        share(rule.share),
        counters(rule.counters),
        forwarded_counters(rule.forwarded_counters) {}
  friend auto operator<=>(const Action&, const Action&) = default;

  int link_index;
  double share;
  std::vector<std::string> counters;
  std::vector<std::string> forwarded_counters;

  // How many rules its chain has.
  static uint32_t RulesFor(double share) { return share < 1 ? 2 : 1; }
};

// Rules that follow each other, in a chain to which the base chain jumps. What does not fill a
// segment, all of it when the rules are few, is in the base chain itself.
struct Segment {
  std::string base;
  std::string chain;  // a chain of its own, or `base`
  Direction direction = Direction::kEgress;
  std::vector<SteeringRule> rules;
  std::vector<std::string> actions;  // name of the chain of each rule's action
  std::vector<std::string> classes;  // chain of each rule that excepts something; else empty

  bool in_base() const { return chain == base; }
};

struct AddressSetLess {
  bool operator()(const AddressSet& a, const AddressSet& b) const;
};

struct Plan {
  std::map<AddressSet, std::string, AddressSetLess> sets;  // name of each
  std::set<std::string> counters;
  // In the order of the rules; those of a base chain end with the one that is in it. One that stays
  // is the same object in the next plan.
  std::vector<std::shared_ptr<const Segment>> segments;

  std::set<std::string> BaseChains() const;
};

std::vector<const Segment*> SegmentsOnlyIn(const Plan& plan, const Plan& other);
// Names of the chains of the actions of these.
std::set<std::string_view> ActionsOf(const std::vector<const Segment*>& segments);

// A plan that has as much as possible in common with `before`: what is the same has the same name,
// and nothing else has the name of anything before.
Plan MakePlan(const SteeringTable& table, const Plan& before, NameCounter& names);

}  // namespace faultd::nft

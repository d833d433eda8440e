#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/nft_batch.h"
#include "kernel/nft_match.h"
#include "kernel/steering.h"

namespace faultd::nft {

// Prefixes of the chains that base chains lead to; the numbers behind them are unique. Those of a
// class with exceptions are made anew each time, and lead to those of what happens to it.
inline constexpr std::string_view kClassChainPrefix = "class_";
inline constexpr std::string_view kActionChainPrefix = "action_";

// Numbers in the names of things in the table.
class NameCounter {
 public:
  std::string Next(std::string_view prefix) { return StrCat(prefix, next_++); }

 private:
  uint64_t next_ = 0;
};

// What happens to the packets that a rule hits, as far as it is in a chain of its own: most faults
// come and go beside others whose chains can stay as they are.
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
  size_t rules() const { return share < 1 ? 2 : 1; }
};

// Adds the chain of this name, with what the action does.
void AddActionChain(Batch& batch, std::string_view name, const Action& action);

// The name of the chain of the rule's action; asked once for each rule.
using ActionNamer = std::function<std::string(const SteeringRule&)>;

// "egress_ens5_2": the same for as long as the interface is the same.
std::string BaseChainName(const SteeringChain& chain);

// Fills the base chain, which has to be there and empty, and adds the chains of classes that it
// leads to; those of actions have to be there.
void AddChainRules(Batch& batch, const SteeringChain& chain, NameCounter& names,
                   const SetNamer& set_name, const ActionNamer& action_name);

}  // namespace faultd::nft

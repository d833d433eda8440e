#pragma once

#include <cstdint>
#include <string>

#include "kernel/nft_batch.h"
#include "kernel/nft_match.h"
#include "kernel/steering.h"

namespace faultd::nft {

// Prefixes of the chains that are made anew with every table; the numbers behind them are unique.
// Those of a class with exceptions refer to those of what happens to it.
inline constexpr std::string_view kClassChainPrefix = "class_";
inline constexpr std::string_view kActionChainPrefix = "action_";

// Numbers in the names of things in the table.
class NameCounter {
 public:
  std::string Next(std::string_view prefix) { return StrCat(prefix, next_++); }

 private:
  uint64_t next_ = 0;
};

// "egress_ens5_2": the same for as long as the interface is the same.
std::string BaseChainName(const SteeringChain& chain);

// Fills the base chain, which has to be there and empty, and adds the chains it leads to.
void AddChainRules(Batch& batch, const SteeringChain& chain, NameCounter& names,
                   const SetNamer& set_name);

}  // namespace faultd::nft

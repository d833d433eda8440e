#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/nft_batch.h"
#include "kernel/nft_match.h"
#include "kernel/nft_plan.h"
#include "kernel/steering.h"

// The rules of what a plan has.
namespace faultd::nft {

// Adds the chain of this name, with what the action does.
void AddActionChain(Batch& batch, std::string_view name, const Action& action);

// Fills the segment's chain, which has to be there, and adds those of its classes; those of its
// actions have to be there.
void AddSegmentRules(Batch& batch, const Segment& segment, const SetNamer& set_name);

// Adds what comes first in a base chain: what always passes, and the way to the segments that have
// these chains.
void AddBaseRules(Batch& batch, const SteeringChain& chain,
                  const std::vector<std::string_view>& segments, const SetNamer& set_name);

}  // namespace faultd::nft

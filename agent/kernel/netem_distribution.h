#pragma once

#include <cstdint>
#include <span>

#include "kernel/qdiscs.h"

namespace faultd {

// The inverse distribution function that netem draws jitter from, in units of 1/8192 of the jitter
// (NETEM_DIST_SCALE): mean 0, standard deviation 1, cut off at 4. The uniform one spans ±1 jitter,
// as netem does without a table.
std::span<const int16_t> NetemDistributionTable(DelayDistribution distribution);

}  // namespace faultd

#pragma once

#include <memory>

#include "base/status.h"
#include "kernel/steering.h"

namespace faultd {

// Steering by flower filters and mirred on clsact qdiscs, for kernels before 5.17. For the network
// namespace of the caller. Nothing ends when the process does: a fresh object's Apply({}) removes
// what an earlier one has left. Neither shares of packets nor of flows can be chosen. Changes
// nothing until Apply.
//
// Counters that are kept over an Apply may miss the packets of the moment of the change.
StatusOr<std::unique_ptr<Steering>> OpenFlowerSteering();

}  // namespace faultd

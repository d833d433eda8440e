#pragma once

#include <memory>

#include "base/status.h"
#include "kernel/steering.h"

namespace faultd {

// Steering that only removes, whatever either mechanism may have left behind. Apply of a table that
// is not empty, and Supports, answer `refusal`.
StatusOr<std::unique_ptr<Steering>> OpenRemovalSteering(Status refusal);

}  // namespace faultd

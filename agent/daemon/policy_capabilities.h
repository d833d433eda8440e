#pragma once

#include "engine/policy.h"
#include "kernel/privileges.h"

namespace faultd {

// What the kinds that the policy allows need, and what it takes to put the host back.
CapabilitySet CapabilitiesUnder(const Policy& policy);

// The policy without the kinds that need more than `held`: what was given up cannot be had again.
// Each kind that is left out is logged.
Policy WithinCapabilities(Policy policy, CapabilitySet held);

}  // namespace faultd

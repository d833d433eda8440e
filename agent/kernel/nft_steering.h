#pragma once

#include <memory>

#include "base/status.h"
#include "kernel/steering.h"

namespace faultd {

// Steering by an nftables table of the family netdev that this process owns: the kernel destroys
// the table, and so ends every network fault at once, when the object or the process is gone. For
// the network namespace of the caller. Needs Linux 5.17 or newer (on ingress alone 5.16). Changes
// nothing until Apply.
//
// Apply waits up to half a second for a table that another process still owns, since the kernel may
// take a moment after that process has died; then it is FAILED_PRECONDITION.
StatusOr<std::unique_ptr<Steering>> OpenNftSteering();

}  // namespace faultd

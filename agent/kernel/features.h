#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "kernel/steering.h"

namespace faultd {

// What the running kernel can do for network faults, found out by doing it in a network namespace
// that exists for the moment only. Each is OK or says exactly what is missing.
struct NetworkFeatures {
  Status ifb;
  Status netem;
  Status nftables;  // owned netdev tables with ingress and egress hooks and fwd
  Status flower;    // clsact, flower and mirred
};

// Tries all of it; takes some milliseconds. Loads modules where needed. Does not touch the caller's
// namespace: the work is done on a thread of its own.
NetworkFeatures ProbeNetworkFeatures();

}  // namespace faultd

#pragma once

#include "faults/fault_policy.h"
#include "faults/net/target.h"

namespace faultd {

// DeniedError when the policy keeps faults away from some of the traffic that a target means. Says
// no in doubt: ports that only several entries of `allow` together allow are not allowed.
Status CheckTraffic(const v1::NetworkTarget& target, const TrafficSet& traffic,
                    const NetworkPolicy& policy);

// Whether this cuts the host off from nearly everybody: the target says so, or has an eighth of all
// addresses of a family, such as 2000::/3, at any port.
bool IsAllTraffic(const v1::NetworkTarget& target, const TrafficSet& traffic);

}  // namespace faultd

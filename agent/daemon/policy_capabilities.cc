#include "daemon/policy_capabilities.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "faults/fault_kind.h"

namespace faultd {

CapabilitySet CapabilitiesUnder(const Policy& policy) {
  CapabilitySet all = kPutBack;
  for (const FaultKind* kind : FaultKinds()) {
    if (AllowsKind(policy, kind->name)) all |= kind->capabilities;
  }
  return all;
}

Policy WithinCapabilities(Policy policy, CapabilitySet held) {
  std::vector<std::string> kinds;
  bool all = true;
  for (const FaultKind* kind : FaultKinds()) {
    if (!AllowsKind(policy, kind->name)) continue;
    if ((kind->capabilities & ~held) == 0) {
      kinds.emplace_back(kind->name);
      continue;
    }
    all = false;
    spdlog::warn(
        "faults of kind {} stay refused until faultd is restarted: they need capabilities that it "
        "gave up at its start, when the policy did not allow them",
        kind->name);
  }
  if (!all) policy.kinds = std::move(kinds);
  return policy;
}

}  // namespace faultd

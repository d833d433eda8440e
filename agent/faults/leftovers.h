#pragma once

#include <functional>
#include <string>
#include <vector>

#include "faults/fault_kind.h"

namespace faultd {

// Names of the objects on the host that are tagged as ours and belong to no fault of this process.
StatusOr<std::vector<std::string>> FindLeftovers(Host& host);

// Removes them when no fault is active, those of network faults or all, and tells the name of each
// before.
Status SweepNetwork(Host& host, const std::function<void(const std::string& name)>& found);
Status SweepLeftovers(Host& host, const std::function<void(const std::string& name)>& found);

}  // namespace faultd

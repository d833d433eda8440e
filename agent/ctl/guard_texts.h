#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "faultd/v1/guard.pb.h"

namespace faultd::ctl {

// The guard that a text of --stop-if stands for:
//   probe:NAME[:N]  probe-up:NAME[:N]  cpu-pressure:PERCENT  memory-pressure:PERCENT[:full]
//   io-pressure:PERCENT[:full]  memory-below:SIZE  memory-below:PERCENT%  alarm:NAME  file:PATH
// Errors begin with the option.
StatusOr<v1::Guard> ParseGuard(std::string_view text);

// The text that ParseGuard reads it from.
std::string GuardText(const v1::Guard& guard);

}  // namespace faultd::ctl

#pragma once

#include <string>

#include "engine/journal.h"
#include "faultd/v1/agent_service.pb.h"
#include "faults/fault_kind.h"

namespace faultd {

// What GetAgent answers: host, capabilities, and what of ours lies about.
v1::Agent DescribeAgent(Host& host, Journal& journal, const std::string& boot_id,
                        std::chrono::nanoseconds started, size_t active_faults, int guardian_pid);

}  // namespace faultd

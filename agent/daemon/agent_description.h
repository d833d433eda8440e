#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "faultd/v1/agent_service.pb.h"
#include "faults/fault_kind.h"

namespace faultd {

// What does not change as long as the daemon runs.
struct AgentFacts {
  std::string boot_id;
  std::string os;                      // see OsName
  std::chrono::nanoseconds started{};  // since the Unix epoch
};

// PRETTY_NAME of os-release(5), empty when there is none. Reads a file: not for the loop.
std::string OsName();

// Records in the journal's directory that could not be read. The same.
StatusOr<std::vector<std::string>> RecordsSetAside(const std::string& directory);

// What GetAgent answers: host, capabilities, and what of ours lies about.
v1::Agent DescribeAgent(Host& host, const AgentFacts& facts,
                        const StatusOr<std::vector<std::string>>& set_aside, size_t active_faults,
                        int guardian_pid);

}  // namespace faultd

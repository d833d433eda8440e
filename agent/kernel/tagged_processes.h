#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "kernel/process.h"

namespace faultd {

struct TaggedProcess {
  Process process;
  std::string fault_id;
};

// The running stress processes of the daemon with this state directory, known by their user, which
// is that of the caller, and their arguments (--fault ID --state-dir DIRECTORY). Those in a PID
// namespace below the caller's are others'.
StatusOr<std::vector<TaggedProcess>> FindStressProcesses(const std::string& state_dir);

}  // namespace faultd

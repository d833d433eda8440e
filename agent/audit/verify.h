#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace faultd {

// What an audit log is found to be.
struct AuditReport {
  size_t files = 0;
  size_t lines = 0;
  uint64_t first = 0;  // numbers of the first and the last line
  uint64_t last = 0;
  // "audit.jsonl.2:17: was changed after it was written"; empty when all is as it was written.
  std::vector<std::string> problems;
};

// Follows the chain through all files of the log at `path`; its daemon may be writing to it.
// NOT_FOUND when there is no log.
StatusOr<AuditReport> VerifyAudit(const std::string& path);

}  // namespace faultd

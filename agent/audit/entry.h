#pragma once

#include <chrono>
#include <string>

#include "base/status.h"

namespace faultd {

// Something that changed this host, or would have, and who asked for it.
struct AuditEntry {
  std::chrono::nanoseconds time{0};  // since the Unix epoch
  std::string actor;                 // for people; "faultd" for what the daemon does by itself
  std::string principal;
  std::string role;
  std::string method;   // "InjectFault"
  std::string request;  // as JSON; empty when there is none
  bool allowed = true;
  std::string rule;  // that allowed or denied it
  std::string fault;
  Status result;
};

}  // namespace faultd

#pragma once

#include <string>

#include "base/status.h"
#include "daemon/config.h"

namespace faultd {

struct AppOptions {
  std::string state_dir = "/var/lib/faultd";
  std::string runtime_dir = "/run/faultd";
  std::string guardian;  // empty: faultd-guardian beside this program
  std::string stress;    // empty: faultd-stress beside this program
  Config config;
  std::string policy_path;  // read again on SIGHUP
  Policy policy;
};

// Runs the daemon until SIGTERM or SIGINT, then reverts everything. Returns OK when the host is as
// it was.
Status RunApp(const AppOptions& options);

}  // namespace faultd

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "daemon/config_values.h"
#include "faultd/v1/guard.pb.h"
#include "probe/probe_config.h"

namespace faultd {

// The guards that every fault of this host has: [guards] of the configuration.
struct GuardsConfig {
  std::vector<std::string> files = {"/run/faultd/HALT"};
  std::string canary;  // name of a probe; empty: none
  std::chrono::nanoseconds canary_grace = std::chrono::seconds(15);
};

// Replaces `files` by a list of absolute paths, which may be empty.
Status ReadGuardFiles(const toml::node& value, std::vector<std::string>& files);

// What HostGuards is to watch. The canary trips when the probe has failed for longer than its
// grace. INVALID_ARGUMENT when there is no such probe.
StatusOr<std::vector<v1::Guard>> StandingGuards(const GuardsConfig& config,
                                                const std::vector<ProbeConfig>& probes);

}  // namespace faultd

#pragma once

#include <vector>

#include "daemon/config_values.h"
#include "probe/probe_config.h"

namespace faultd {

// Reads all of [[probe]], the value of the key "probe"; what is wrong goes to `errors`.
std::vector<ProbeConfig> ReadProbes(const toml::node& value, ConfigErrors& errors);

}  // namespace faultd

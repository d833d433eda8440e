#pragma once

#include <string>
#include <vector>

#include "daemon/config_values.h"

namespace faultd {

// [guards] files: replaces `files` by a list of absolute paths, which may be empty.
Status ReadGuardFiles(const toml::node& value, std::vector<std::string>& files);

}  // namespace faultd

#pragma once

#include <string>
#include <vector>

#include "base/status.h"

#ifndef TOML_EXCEPTIONS
#define TOML_EXCEPTIONS 0
#endif
#include <toml++/toml.h>

namespace faultd {

// [guards] files: replaces `files` by a list of absolute paths, which may be empty.
Status ReadGuardFiles(const toml::node& value, std::vector<std::string>& files);

}  // namespace faultd

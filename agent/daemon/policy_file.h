#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "engine/policy.h"

namespace faultd {

// /etc/faultd/policy.toml, with the defaults of keys that are not there. The shipped file documents
// every key. NOT_FOUND when there is no file; PERMISSION_DENIED unless it is a regular file of root
// that only root can write; INVALID_ARGUMENT with all errors, a line each:
// "<path>:<line>:<column>: <key>: <what is wrong>".
StatusOr<Policy> LoadPolicy(const std::string& path);
// The same for a text; `name` stands for the path in errors.
StatusOr<Policy> ParsePolicy(std::string_view text, const std::string& name);

}  // namespace faultd

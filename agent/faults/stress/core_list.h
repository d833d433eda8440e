#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace faultd {

// "0-3,7" as numbers in order, each once. INVALID_ARGUMENT with what is wrong with it.
StatusOr<std::vector<int>> ParseCoreList(std::string_view text);

// The shortest list for numbers in order: "0-3,7".
std::string FormatCoreList(const std::vector<int>& cores);

}  // namespace faultd

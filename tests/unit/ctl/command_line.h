#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "ctl/options.h"

namespace faultd::ctl {

// What faultctl makes of a line of words behind its name.
inline StatusOr<Options> ParseLine(const std::string& line) {
  std::vector<std::string> words = absl::StrSplit("faultctl " + line, ' ', absl::SkipEmpty());
  std::vector<const char*> argv(words.size());
  std::ranges::transform(words, argv.begin(), &std::string::c_str);
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

}  // namespace faultd::ctl

#include "aws/environment.h"

#include <unistd.h>

#include "absl/strings/match.h"
#include "base/strings.h"

namespace faultd {

Environment ProcessEnvironment() {
  Environment result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      result.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

std::string Variable(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

bool IsTrue(const Environment& environment, std::string_view name) {
  return absl::EqualsIgnoreCase(Variable(environment, name), "true");
}

}  // namespace faultd

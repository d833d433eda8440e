#pragma once

#include <map>
#include <string>

namespace faultd {

// The environment variables the AWS libraries look at, as a value, so that tests can make their
// own.
using Environment = std::map<std::string, std::string, std::less<>>;

Environment ProcessEnvironment();

// Empty when the variable is not set.
std::string Variable(const Environment& environment, std::string_view name);

// Whether it is set to "true", in any case.
bool IsTrue(const Environment& environment, std::string_view name);

}  // namespace faultd

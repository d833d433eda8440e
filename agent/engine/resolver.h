#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/status.h"

namespace faultd {

// Looks up host names without blocking the loop.
class Resolver {
 public:
  using Callback = std::function<void(StatusOr<std::vector<IpAddress>>)>;

  virtual ~Resolver() = default;
  // Calls back on the loop, never from within, with at least one address, each once, sorted; or
  // with NOT_FOUND (no such name) or DEADLINE_EXCEEDED / UNAVAILABLE (no answer).
  virtual void Resolve(const std::string& name, Callback done) = 0;
};

}  // namespace faultd

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/status.h"

namespace faultd {

// Looks up what the names in faults stand for, without blocking the loop.
class Resolver {
 public:
  using Callback = std::function<void(StatusOr<std::vector<IpPrefix>>)>;

  virtual ~Resolver() = default;
  // Calls back on the loop, never from within, with at least one address or CIDR, each once, always
  // in the same order; or with an error that says why there is none: NOT_FOUND (no such name),
  // DEADLINE_EXCEEDED / UNAVAILABLE (no answer) and others.
  virtual void Resolve(const std::string& name, Callback done) = 0;
};

}  // namespace faultd

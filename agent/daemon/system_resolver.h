#pragma once

#include "daemon/asio_loop.h"
#include "engine/resolver.h"

namespace faultd {

// The system's resolver, which NameLookup asks, with a bound on the time it takes.
class SystemResolver final : public Resolver {
 public:
  explicit SystemResolver(AsioLoop& loop) : loop_(loop) {}
  void Resolve(const std::string& name, Callback done) override;

  static constexpr std::chrono::seconds kTimeout{5};

 private:
  AsioLoop& loop_;
};

}  // namespace faultd

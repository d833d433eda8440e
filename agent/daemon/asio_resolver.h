#pragma once

#include "daemon/asio_loop.h"
#include "engine/resolver.h"

namespace faultd {

// The system's resolver (getaddrinfo(3), so /etc/hosts and nsswitch count), on a thread of its own.
class AsioResolver final : public Resolver {
 public:
  explicit AsioResolver(AsioLoop& loop) : loop_(loop) {}
  void Resolve(const std::string& name, Callback done) override;

  static constexpr std::chrono::seconds kTimeout{5};

 private:
  AsioLoop& loop_;
};

}  // namespace faultd

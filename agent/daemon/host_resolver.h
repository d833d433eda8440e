#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aws/address_group.h"
#include "base/clock.h"
#include "daemon/asio_loop.h"
#include "engine/resolver.h"
#include "http/pending_call.h"

namespace faultd {

// Looks up all names that faults may have: availability zones and services with AWS, every other
// one with the system's resolver.
class HostResolver final : public Resolver {
 public:
  using Found = StatusOr<std::vector<IpPrefix>>;
  using Find = std::function<boost::asio::awaitable<Found>(AddressGroup)>;

  struct Options {
    std::chrono::nanoseconds timeout = std::chrono::seconds(15);
    // An answer of AWS holds for so long: it hardly changes, and calls are counted by account.
    std::chrono::nanoseconds fresh = std::chrono::minutes(5);
  };

  // `find` asks AWS; empty where this host is not an EC2 instance, so that nobody waits for
  // nothing.
  HostResolver(AsioLoop& loop, const Clock& clock, Resolver& names, Find find, Options options)
      : loop_(loop), clock_(clock), names_(names), find_(std::move(find)), options_(options) {}

  void Resolve(const std::string& name, Callback done) override;

 private:
  struct Known {
    std::vector<IpPrefix> prefixes;
    BootTime until{};
  };
  struct Lookup {
    PendingCall call;
    Loop::TimerId timer = Loop::kNoTimer;
  };

  AsioLoop& loop_;
  const Clock& clock_;
  Resolver& names_;
  const Find find_;
  const Options options_;
  std::map<std::string, Known> known_;
  std::map<uint64_t, Lookup> lookups_;
  uint64_t next_lookup_ = 0;
};

}  // namespace faultd

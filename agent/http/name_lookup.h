#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/status.h"
#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/address.hpp>

namespace faultd {

// Looks names up with the system's resolver (getaddrinfo(3), so /etc/hosts and nsswitch.conf
// count), one after the other, on a thread of its own: it reads files, and cannot be cancelled. A
// service of an io_context, as Asio's own resolver is one; but the thread of that has the
// descriptors of all others, which have to go at once when the daemon is killed (StartDiskThread),
// and an exception comes when it cannot be had.
class NameLookup : public boost::asio::execution_context::service {
 public:
  using key_type = NameLookup;
  using Addresses = std::vector<boost::asio::ip::address>;
  using Callback = std::function<void(StatusOr<Addresses>)>;
  static boost::asio::execution_context::id id;

  explicit NameLookup(boost::asio::execution_context& context);
  ~NameLookup() override;

  // Starts the thread, which does `first` before all else. To be called before anything is opened
  // whose end must not wait for a disk; else the first Find does it. RESOURCE_EXHAUSTED when no
  // thread is to be had.
  Status Start(absl::AnyInvocable<void()> first = [] {});

  // Calls back on the loop of the context, with the addresses in the order which the resolver
  // prefers. NOT_FOUND when there is no such name, UNAVAILABLE when nobody can be asked now,
  // RESOURCE_EXHAUSTED when there is no thread or a thousand names wait for the resolver.
  void Find(const std::string& name, Callback done);

 private:
  struct Thread;  // what it goes on using when this is gone

  void shutdown() noexcept override;
  void Answer(uint64_t number, StatusOr<Addresses> found);

  std::shared_ptr<Thread> thread_;  // none: not started
  std::map<uint64_t, Callback> waiting_;
  uint64_t next_ = 0;
};

}  // namespace faultd

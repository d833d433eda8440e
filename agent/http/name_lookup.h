#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "http/disk_jobs.h"
#include <boost/asio/ip/address.hpp>

namespace faultd {

// Looks names up with the system's resolver (getaddrinfo(3), so /etc/hosts and nsswitch.conf
// count), which reads files and cannot be cancelled. Asio's own resolver has a thread, too, but
// with the descriptors of all others, and an exception comes when it cannot be had.
class NameLookup : public DiskJobs {
 public:
  using key_type = NameLookup;
  using Addresses = std::vector<boost::asio::ip::address>;
  using Callback = std::function<void(StatusOr<Addresses>)>;
  static boost::asio::execution_context::id id;

  explicit NameLookup(boost::asio::execution_context& context)
      : DiskJobs(context, "the thread that looks up names") {}

  // The addresses in the order which the resolver prefers. NOT_FOUND when there is no such name,
  // UNAVAILABLE when nobody can be asked now. Takes its time: for the thread of the jobs.
  static StatusOr<Addresses> LookUp(const std::string& name);

  // Calls back on the loop of the context, with what LookUp answers, or Do.
  void Find(const std::string& name, Callback done);
};

}  // namespace faultd

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace faultd {

// Looks names up on the loop, any number at a time, none of which holds up another: c-ares over
// Asio, where getaddrinfo(3) takes a thread for each. Only the files that it goes by are read
// elsewhere (HostFiles). Asks anew each time and follows changes of resolv.conf. To be used on the
// loop's thread; must not outlive the context.
class DnsClient {
 public:
  struct Options {
    bool hosts_file = true;  // /etc/hosts and nsswitch.conf count; without, only name servers do
    std::string servers;     // "127.0.0.1:5353,…"; empty: those of resolv_conf
    std::string resolv_conf = "/etc/resolv.conf";
  };

  DnsClient(boost::asio::io_context& context, const Options& options);
  // Ends the lookups under way, with an error.
  ~DnsClient();
  DnsClient(const DnsClient&) = delete;
  DnsClient& operator=(const DnsClient&) = delete;

  // The addresses of a host in order of preference (RFC 6724), at least one; an address stands for
  // itself. NOT_FOUND: there is no such name, or it has no address. DEADLINE_EXCEEDED: not within
  // the time. UNAVAILABLE: name servers that cannot be reached or do not do their work.
  boost::asio::awaitable<StatusOr<std::vector<boost::asio::ip::tcp::endpoint>>> Lookup(
      std::string host, uint16_t port, std::chrono::steady_clock::time_point deadline);

 private:
  struct State;  // shared with the lookups under way

  std::shared_ptr<State> state_;
};

}  // namespace faultd

#pragma once

#include <ares.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "probe/dns_client.h"
#include <boost/asio/ip/tcp.hpp>

namespace faultd {

// What c-ares answers about a host.
struct DnsResult {
  int status = ARES_ENOTFOUND;
  std::vector<boost::asio::ip::tcp::endpoint> endpoints;
};

// Frees `found`, which may be null.
DnsResult TakeResult(int status, ares_addrinfo* found, uint16_t port);

// A channel of c-ares, which has read resolv.conf and its like, and has no socket yet.
struct AresChannel {
  AresChannel() = default;
  ~AresChannel();
  AresChannel(const AresChannel&) = delete;
  AresChannel& operator=(const AresChannel&) = delete;

  ares_channel channel = nullptr;
  // Told what c-ares wants of a socket, and that it wants nothing before it closes it.
  std::function<void(int fd, bool to_read, bool to_write)> on_socket;
};

// The files by which a host knows names: resolv.conf with what belongs to it, and the hosts file.
// Waits for the disk, so it is for the thread of HostFiles.
class HostNames {
 public:
  explicit HostNames(DnsClient::Options options) : options_(std::move(options)) {}

  struct Answer {
    // Where to look, in this order: 'f' the files, 'b' the name servers (ares_init_options(3)).
    std::string order;
    DnsResult in_files;
    // For the name servers, when the files are not those of the version that was asked with.
    std::unique_ptr<AresChannel> servers;
    std::string version;
  };

  // `version`: of the answer whose `servers` the caller still has, empty for none.
  StatusOr<Answer> LookUp(const std::string& host, uint16_t port, const std::string& version);

 private:
  StatusOr<std::unique_ptr<AresChannel>> Open(const char* lookups) const;
  Status Refresh();

  const DnsClient::Options options_;
  std::string version_;  // of the files that these are of
  std::string order_;
  std::unique_ptr<AresChannel> files_;
};

}  // namespace faultd

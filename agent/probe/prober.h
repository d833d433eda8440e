#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/status.h"
#include "http/tls_loader.h"
#include "probe/dns_client.h"
#include "probe/probe_config.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace faultd {

// Makes the attempts of all probes. Who awaits one keeps this alive meanwhile.
class Prober {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  struct Options {
    DnsClient::Options dns;
    std::string ca_bundle;  // see TlsOptions
  };

  explicit Prober(boost::asio::io_context& context, Options options = {});

  // OK when the dependency was reached before the deadline. The message of an error is to be read
  // by itself: "connect to 10.0.0.5 port 5432: timed out".
  boost::asio::awaitable<Status> Attempt(ProbeConfig config, Deadline deadline);

  // Does now what would delay the first attempt.
  boost::asio::awaitable<Status> Prepare(ProbeConfig config);

 private:
  boost::asio::awaitable<Status> Connect(const ProbeConfig& config, Deadline deadline);
  boost::asio::awaitable<Status> Get(const ProbeConfig& config, Deadline deadline);

  DnsClient names_;        // as other programs of this host look them up
  DnsClient dns_servers_;  // past the hosts file, which is no dependency
  std::shared_ptr<TlsLoader> verified_;
  std::shared_ptr<TlsLoader> unverified_;
};

}  // namespace faultd

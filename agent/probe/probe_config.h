#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace faultd {

enum class ProbeKind { kTcp, kHttp, kDns };

// One [[probe]] of the configuration, checked already.
struct ProbeConfig {
  std::string name;  // also that of its metric: 1 to 255 of [A-Za-z0-9._-]
  ProbeKind kind = ProbeKind::kTcp;
  std::string target;  // as configured, for people: "db.example.com:5432"
  std::string host;    // a name or an address; for kDns the name to look up
  uint16_t port = 0;   // not for kDns
  std::chrono::nanoseconds interval = std::chrono::seconds(10);
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
  // For kHttp: a GET whose answer has a status of this range. Redirects are not followed.
  std::string path = "/";
  bool tls = false;
  bool verify = true;  // the certificate of the server
  int least_status = 200;
  int most_status = 399;

  friend bool operator==(const ProbeConfig&, const ProbeConfig&) = default;
};

}  // namespace faultd

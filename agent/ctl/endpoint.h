#pragma once

#include <string_view>

#include "base/status.h"
#include "faultd/v1/network.pb.h"

namespace faultd::ctl {

// An endpoint as it is written behind --to and --except: HOST[:PORTS][/PROTOCOL].
//
//   10.0.0.0/8:5432/tcp   db.example.com:5432   [2001:db8::5]:443   [2001:db8::/32]:443
//   2001:db8::/32         host:8000-8080/udp    :5432               any/icmp
//   us-east-1a            S3:443
//
// No host, or "any", is every address. Whether the host is one is for the daemon to say. The
// message of an error begins with the text in quotes.
StatusOr<v1::Endpoint> ParseEndpoint(std::string_view text);

// "5432" or "8000-8080".
StatusOr<v1::PortRange> ParsePorts(std::string_view text);

// "tcp", "udp", "icmp" or "any".
StatusOr<v1::Protocol> ParseProtocol(std::string_view text);

}  // namespace faultd::ctl

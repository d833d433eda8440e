#include "ctl/endpoint.h"

#include <algorithm>
#include <string>

#include "absl/strings/numbers.h"
#include "base/ip.h"
#include "base/strings.h"

namespace faultd::ctl {
namespace {

constexpr uint32_t kHighestPort = 65535;

StatusOr<uint32_t> ParsePort(std::string_view text) {
  uint32_t port = 0;
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= '0' && c <= '9';  // SimpleAtoi would take signs and spaces
  });
  if (!digits || !absl::SimpleAtoi(ToAbsl(text), &port) || port < 1 || port > kHighestPort) {
    return absl::InvalidArgumentError(
        StrCat("\"", text, "\" is not a port; write 1 to ", kHighestPort));
  }
  return port;
}

// An endpoint cut into its parts; `has_ports` tells "host:" from "host".
struct Parts {
  std::string_view host;
  std::string_view ports;
  bool has_ports = false;
};

// The last "/…" is a protocol unless it is the prefix length of a CIDR.
Status TakeProtocol(std::string_view& rest, v1::Endpoint& endpoint) {
  const size_t slash = rest.rfind('/');
  if (slash == std::string_view::npos) return absl::OkStatus();
  const std::string_view last = rest.substr(slash + 1);
  if (!last.empty() && last.front() >= '0' && last.front() <= '9') return absl::OkStatus();
  ASSIGN_OR_RETURN(const v1::Protocol protocol, ParseProtocol(last));
  endpoint.set_protocol(protocol);
  rest = rest.substr(0, slash);
  return absl::OkStatus();
}

StatusOr<Parts> SplitBracketed(std::string_view text) {
  const size_t close = text.find(']');
  if (close == std::string_view::npos)
    return absl::InvalidArgumentError("has a \"[\" without \"]\"; write e.g. [2001:db8::5]:443");
  Parts parts{.host = text.substr(1, close - 1)};
  const std::string_view behind = text.substr(close + 1);
  if (behind.empty()) return parts;
  if (behind.front() != ':') {
    return absl::InvalidArgumentError(StrCat("has \"", behind,
                                             "\" behind \"]\"; write e.g. [2001:db8::5]:443 or "
                                             "[2001:db8::/32]:443/tcp"));
  }
  parts.ports = behind.substr(1);
  parts.has_ports = true;
  return parts;
}

StatusOr<Parts> Split(std::string_view text) {
  if (!text.empty() && text.front() == '[') return SplitBracketed(text);
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return Parts{.host = text};
  if (text.find(':', colon + 1) == std::string_view::npos) {
    return Parts{.host = text.substr(0, colon), .ports = text.substr(colon + 1), .has_ports = true};
  }
  if (IpPrefix::Parse(text).ok()) return Parts{.host = text};
  return absl::InvalidArgumentError(
      "has more than one \":\" and is no IPv6 address; to give ports, put the address in brackets, "
      "e.g. [2001:db8::5]:443");
}

StatusOr<v1::Endpoint> Parse(std::string_view text) {
  if (text.find("://") != std::string_view::npos) {
    return absl::InvalidArgumentError("is a URL; write host:port, e.g. db.example.com:5432");
  }
  v1::Endpoint endpoint;
  RETURN_IF_ERROR(TakeProtocol(text, endpoint));
  ASSIGN_OR_RETURN(const Parts parts, Split(text));
  if (parts.host != "any") endpoint.set_host(std::string(parts.host));
  if (parts.has_ports) {
    if (endpoint.protocol() == v1::PROTOCOL_ICMP)
      return absl::InvalidArgumentError("gives ports, which icmp has not; leave them out");
    ASSIGN_OR_RETURN(*endpoint.mutable_ports(), ParsePorts(parts.ports));
  }
  return endpoint;
}

}  // namespace

StatusOr<v1::Protocol> ParseProtocol(std::string_view text) {
  if (text == "tcp") return v1::PROTOCOL_TCP;
  if (text == "udp") return v1::PROTOCOL_UDP;
  if (text == "icmp") return v1::PROTOCOL_ICMP;
  if (text == "any") return v1::PROTOCOL_ANY;
  return absl::InvalidArgumentError(
      StrCat("\"", text, "\" is not a protocol; write tcp, udp, icmp or any"));
}

StatusOr<v1::PortRange> ParsePorts(std::string_view text) {
  v1::PortRange range;
  const size_t dash = text.find('-');
  ASSIGN_OR_RETURN(const uint32_t first, ParsePort(text.substr(0, dash)));
  range.set_first(first);
  if (dash == std::string_view::npos) return range;
  ASSIGN_OR_RETURN(const uint32_t last, ParsePort(text.substr(dash + 1)));
  if (last < first) {
    return absl::InvalidArgumentError(StrCat("\"", text,
                                             "\" ends before it begins; write the lower port "
                                             "first"));
  }
  range.set_last(last);
  return range;
}

StatusOr<v1::Endpoint> ParseEndpoint(std::string_view text) {
  auto endpoint = Parse(text);
  if (endpoint.ok()) return endpoint;
  // Errors about a part name the part; then the whole goes in front of it like a path.
  const std::string_view message = ToStd(endpoint.status().message());
  const std::string_view between = message.front() == '"' ? "\": " : "\" ";
  return absl::InvalidArgumentError(StrCat("\"", text, between, message));
}

}  // namespace faultd::ctl

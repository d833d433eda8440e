#include "faults/net/target.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/strings.h"

namespace faultd {
namespace {

constexpr int kMaxTo = 20'000;
constexpr int kMaxExcept = 1'000;
constexpr int kMaxInterfaces = 64;
constexpr size_t kMaxPortCombinations = 64;
constexpr size_t kLongestInterface = 15;  // IFNAMSIZ - 1
constexpr size_t kLongestName = 253;      // RFC 1035

// Host names by RFC 1123, with underscores, which real ones have.
bool IsHostName(std::string_view text) {
  if (text.empty() || text.size() > kLongestName) return false;
  if (text.back() == '.') text.remove_suffix(1);
  bool letter = false;
  size_t label = 0;
  for (char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') return false;
    letter = letter || absl::ascii_isalpha(static_cast<unsigned char>(c));
    if (++label > 63) return false;
  }
  return label > 0 && letter;
}

bool IsAddress(const std::string& host) { return IpPrefix::Parse(host).ok(); }

Status ValidatePorts(const v1::PortRange& ports, v1::Protocol protocol, const std::string& path) {
  if (ports.first() < 1 || ports.first() > 65535) {
    return FieldError(path + ".first", StrCat(ports.first(), " is not a port; write 1 to 65535"));
  }
  if (ports.last() > 65535 || (ports.last() != 0 && ports.last() < ports.first())) {
    return FieldError(path + ".last",
                      StrCat(ports.last(), " does not end a range that begins at ", ports.first(),
                             "; write ", ports.first(), " to 65535, or 0 for one port"));
  }
  if (protocol == v1::PROTOCOL_ICMP)
    return FieldError(path, "icmp has no ports; leave them out or take tcp or udp");
  return absl::OkStatus();
}

Status ValidateEndpoint(const v1::Endpoint& endpoint, const std::string& path) {
  const v1::Protocol protocol = endpoint.has_protocol() ? endpoint.protocol() : v1::PROTOCOL_ANY;
  if (protocol == v1::PROTOCOL_UNSPECIFIED || !v1::Protocol_IsValid(protocol)) {
    return FieldError(path + ".protocol",
                      StrCat(static_cast<int>(protocol),
                             " is not a protocol; take PROTOCOL_ANY, PROTOCOL_TCP, "
                             "PROTOCOL_UDP or PROTOCOL_ICMP, or leave it out for any"));
  }
  if (endpoint.has_ports())
    RETURN_IF_ERROR(ValidatePorts(endpoint.ports(), protocol, path + ".ports"));
  if (endpoint.has_local_ports())
    RETURN_IF_ERROR(ValidatePorts(endpoint.local_ports(), protocol, path + ".local_ports"));
  const std::string& host = endpoint.host();
  if (host.empty()) {
    if (endpoint.has_ports() || endpoint.has_local_ports() || protocol != v1::PROTOCOL_ANY)
      return absl::OkStatus();
    return FieldError(path, "is empty; give a host, ports or a protocol, or say all_traffic");
  }
  if (IsAddress(host) || IsHostName(host)) return absl::OkStatus();
  return FieldError(path + ".host", StrCat("\"", host,
                                           "\" is not an address, CIDR or host name; write "
                                           "e.g. 10.0.0.0/8, 2001:db8::5 or db.example.com"));
}

std::vector<Family> Families() { return {Family::kIpv4, Family::kIpv6}; }

PortRange RangeOf(bool present, const v1::PortRange& ports) {
  if (!present) return {};
  const auto first = static_cast<uint16_t>(ports.first());
  return {first, ports.last() == 0 ? first : static_cast<uint16_t>(ports.last())};
}

Protocol ProtocolOf(const v1::Endpoint& endpoint) {
  switch (endpoint.has_protocol() ? endpoint.protocol() : v1::PROTOCOL_ANY) {
    case v1::PROTOCOL_TCP:
      return Protocol::kTcp;
    case v1::PROTOCOL_UDP:
      return Protocol::kUdp;
    case v1::PROTOCOL_ICMP:
      return Protocol::kIcmp;
    default:
      return Protocol::kAny;
  }
}

// Endpoints alike in everything but the host become one match with many addresses.
struct Shape {
  Protocol protocol;
  PortRange remote_ports;
  PortRange local_ports;
  auto key() const {
    return std::tuple(protocol, remote_ports.first, remote_ports.last, local_ports.first,
                      local_ports.last);
  }
  friend bool operator<(const Shape& a, const Shape& b) { return a.key() < b.key(); }
};

Shape ShapeOf(const v1::Endpoint& endpoint) {
  return {ProtocolOf(endpoint), RangeOf(endpoint.has_ports(), endpoint.ports()),
          RangeOf(endpoint.has_local_ports(), endpoint.local_ports())};
}

using RangesByFamily = std::map<Family, std::vector<IpRange>>;

Status AppendAddresses(const std::string& host, const ResolvedNames& names,
                       RangesByFamily& ranges) {
  if (host.empty()) {
    for (Family family : Families()) ranges[family].push_back({0, MaxAddress(family)});
  } else if (auto prefix = IpPrefix::Parse(host); prefix.ok()) {
    ranges[prefix->address.family].push_back(prefix->range());
  } else {
    auto found = names.find(host);
    if (found == names.end() || found->second.empty()) {
      return PreconditionError(
          "NAME", host,
          StrCat("the name ", host, " has no addresses; check the name and the host's resolver"));
    }
    for (const IpPrefix& each : found->second) ranges[each.address.family].push_back(each.range());
  }
  return absl::OkStatus();
}

StatusOr<std::vector<PacketMatch>> MatchesOf(
    const google::protobuf::RepeatedPtrField<v1::Endpoint>& endpoints, const ResolvedNames& names,
    uint8_t flows_percent) {
  std::map<Shape, RangesByFamily> by_shape;
  for (const v1::Endpoint& endpoint : endpoints) {
    RETURN_IF_ERROR(AppendAddresses(endpoint.host(), names, by_shape[ShapeOf(endpoint)]));
  }
  std::vector<PacketMatch> matches;
  for (Family family : Families()) {
    for (auto& [shape, by_family] : by_shape) {
      std::vector<IpRange>& ranges = by_family[family];
      if (ranges.empty()) continue;
      PacketMatch match{AddressSet(family, std::move(ranges)), shape.protocol, shape.remote_ports,
                        shape.local_ports, flows_percent};
      const bool ports = !match.remote_ports.IsAll() || !match.local_ports.IsAll();
      if (ports && match.protocol == Protocol::kAny) {
        match.protocol = Protocol::kTcp;
        matches.push_back(match);
        match.protocol = Protocol::kUdp;
      }
      matches.push_back(std::move(match));
    }
  }
  return matches;
}

std::string DescribePorts(const v1::PortRange& ports) {
  return ports.last() == 0 || ports.last() == ports.first()
             ? StrCat(ports.first())
             : StrCat(ports.first(), "-", ports.last());
}

}  // namespace

Status ValidateTarget(const v1::NetworkTarget& target, std::string_view path) {
  const std::string base(path);
  if (target.all_traffic() && target.to_size() > 0) {
    return FieldError(base + ".all_traffic", "excludes `to`; say which packets, or all of them");
  }
  if (!target.all_traffic() && target.to_size() == 0) {
    return FieldError(base + ".to", "is empty; name at least one endpoint, or say all_traffic");
  }
  if (target.to_size() > kMaxTo)
    return FieldError(base + ".to",
                      StrCat("has ", target.to_size(), " endpoints; give at most ", kMaxTo));
  if (target.except_size() > kMaxExcept)
    return FieldError(base + ".except", StrCat("has ", target.except_size(),
                                               " endpoints; give at most ", kMaxExcept));
  std::set<Shape> shapes;
  for (int i = 0; i < target.to_size(); ++i) {
    RETURN_IF_ERROR(ValidateEndpoint(target.to(i), StrCat(base, ".to[", i, "]")));
    shapes.insert(ShapeOf(target.to(i)));
  }
  if (shapes.size() > kMaxPortCombinations) {
    return FieldError(base + ".to",
                      StrCat("has ", shapes.size(),
                             " different combinations of ports and protocol; give at most ",
                             kMaxPortCombinations, ", or use port ranges"));
  }
  for (int i = 0; i < target.except_size(); ++i) {
    RETURN_IF_ERROR(ValidateEndpoint(target.except(i), StrCat(base, ".except[", i, "]")));
  }
  if (target.has_direction() && (target.direction() == v1::DIRECTION_UNSPECIFIED ||
                                 !v1::Direction_IsValid(target.direction()))) {
    return FieldError(base + ".direction",
                      StrCat(static_cast<int>(target.direction()),
                             " is not a direction; take DIRECTION_EGRESS, DIRECTION_INGRESS or "
                             "DIRECTION_BOTH, or leave it out for egress"));
  }
  if (target.interfaces_size() > kMaxInterfaces)
    return FieldError(base + ".interfaces", StrCat("has ", target.interfaces_size(),
                                                   " names; give at most ", kMaxInterfaces));
  for (int i = 0; i < target.interfaces_size(); ++i) {
    const std::string& name = target.interfaces(i);
    if (name.empty() || name.size() > kLongestInterface || name.find('/') != std::string::npos) {
      return FieldError(
          StrCat(base, ".interfaces[", i, "]"),
          StrCat("\"", name, "\" is not the name of an interface; `ip link` lists them"));
    }
  }
  if (target.has_flows_percent() && (target.flows_percent() < 1 || target.flows_percent() > 100)) {
    return FieldError(base + ".flows_percent",
                      StrCat(target.flows_percent(), " is out of range; write 1 to 100"));
  }
  return absl::OkStatus();
}

std::vector<std::string> NamesIn(const v1::NetworkTarget& target) {
  std::set<std::string> names;
  for (const auto* endpoints : {&target.to(), &target.except()}) {
    for (const v1::Endpoint& endpoint : *endpoints) {
      if (!endpoint.host().empty() && !IsAddress(endpoint.host())) names.insert(endpoint.host());
    }
  }
  return {names.begin(), names.end()};
}

StatusOr<TrafficSet> TrafficOf(const v1::NetworkTarget& target, const ResolvedNames& names) {
  const auto flows =
      static_cast<uint8_t>(target.has_flows_percent() ? target.flows_percent() : 100);
  TrafficSet traffic;
  if (target.all_traffic()) {
    for (Family family : Families()) {
      PacketMatch all{AddressSet::All(family)};
      all.flows_percent = flows;
      traffic.match.push_back(std::move(all));
    }
  } else {
    ASSIGN_OR_RETURN(traffic.match, MatchesOf(target.to(), names, flows));
  }
  ASSIGN_OR_RETURN(traffic.except, MatchesOf(target.except(), names, 100));
  return Simplify(std::move(traffic));
}

std::string Describe(const v1::Endpoint& endpoint) {
  const std::string& host = endpoint.host();
  const bool bracket = absl::StrContains(host, ':') && endpoint.has_ports();
  std::string text = host.empty() ? "any" : bracket ? StrCat("[", host, "]") : host;
  if (endpoint.has_ports()) StrAppend(&text, ":", DescribePorts(endpoint.ports()));
  switch (ProtocolOf(endpoint)) {
    case Protocol::kTcp:
      text += "/tcp";
      break;
    case Protocol::kUdp:
      text += "/udp";
      break;
    case Protocol::kIcmp:
      text += "/icmp";
      break;
    case Protocol::kAny:
      break;
  }
  if (endpoint.has_local_ports())
    StrAppend(&text, " at local port ", DescribePorts(endpoint.local_ports()));
  return text;
}

std::string Describe(const v1::NetworkTarget& target) {
  if (target.all_traffic()) return "all traffic";
  std::string text = Describe(target.to(0));
  if (target.to_size() > 1) StrAppend(&text, " and ", target.to_size() - 1, " more");
  return text;
}

std::vector<Direction> DirectionsOf(const v1::NetworkTarget& target) {
  switch (target.has_direction() ? target.direction() : v1::DIRECTION_EGRESS) {
    case v1::DIRECTION_INGRESS:
      return {Direction::kIngress};
    case v1::DIRECTION_BOTH:
      return {Direction::kEgress, Direction::kIngress};
    default:
      return {Direction::kEgress};
  }
}

}  // namespace faultd

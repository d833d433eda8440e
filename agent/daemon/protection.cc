#include "daemon/protection.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/str_split.h"
#include "aws/endpoints.h"
#include "aws/imds.h"
#include "base/file_io.h"
#include "base/strings.h"

namespace faultd {
namespace {

// The services whose loss would keep an experiment from being stopped: Systems Manager's three,
// ECS, CloudWatch, STS (FIS user guide; the AWSFIS-Run-Network documents spare the first three).
constexpr std::string_view kControlServices[] = {"ssm", "ssmmessages", "ec2messages",
                                                 "ecs", "monitoring",  "sts"};

// systemd-resolved's own file names the servers behind its stub at 127.0.0.53.
std::vector<IpAddress> Resolvers() {
  std::vector<IpAddress> addresses;
  for (const char* path : {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}) {
    if (auto text = ReadSmallFile(path); text.ok()) {
      for (const IpAddress& address : ParseResolvConf(*text)) addresses.push_back(address);
    }
  }
  return addresses;
}

// As its deb and rpm packages, and its snap, call the unit of the SSM agent (Systems Manager user
// guide).
constexpr std::string_view kAgentUnits[] = {"amazon-ssm-agent.service",
                                            "snap.amazon-ssm-agent.amazon-ssm-agent.service"};

}  // namespace

std::vector<IpAddress> ParseResolvConf(std::string_view text) {
  std::vector<IpAddress> addresses;
  for (absl::string_view line : absl::StrSplit(ToAbsl(text), '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() < 2 || words[0] != "nameserver") continue;
    // A zone ("fe80::1%eth0") is not part of the address.
    auto address = IpAddress::Parse(ToStd(words[1].substr(0, words[1].find('%'))));
    if (address.ok()) addresses.push_back(*address);
  }
  return addresses;
}

void Protection::Refresh(std::function<void()> done) {
  FindRegion([this, done = std::move(done)] { LookUp(done); });
}

void Protection::FindRegion(std::function<void()> done) {
  for (const char* variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    const char* value = getenv(variable);
    if (region_.empty() && value != nullptr) region_ = value;
  }
  if (!region_.empty() || !IsEc2Instance()) return done();
  FetchInstanceMetadata(
      loop_.context(), "meta-data/placement/region", [this, done](StatusOr<std::string> region) {
        if (region.ok()) {
          region_ = *std::move(region);
        } else {
          spdlog::warn(
              "the region is not known, so the AWS control endpoints are not protected: {}",
              std::string(region.status().message()));
        }
        done();
      });
}

std::vector<std::string> Protection::ControlEndpoints() const {
  std::vector<std::string> names;
  if (region_.empty()) return names;
  for (std::string_view service : kControlServices) {
    names.push_back(StrCat(service, ".", region_, ".", DnsSuffix(region_)));
  }
  return names;
}

std::vector<RemoteEnd> Protection::ConnectionsOfAgents() {
  std::vector<RemoteEnd> ends;
  const StatusOr<OwnCgroups> cgroups = cgroups_.Find();
  const auto unified = cgroups.ok() ? cgroups->Unified() : std::nullopt;
  if (!unified) return ends;
  for (std::string_view unit : kAgentUnits) {
    // Without the unit, or on a kernel that cannot tell, there are the addresses of its endpoints.
    const auto found = ConnectionsOfCgroup(StrCat(unified->mount, "/system.slice/", unit));
    if (found.ok()) ends.insert(ends.end(), found->begin(), found->end());
  }
  return ends;
}

void Protection::LookUp(std::function<void()> done) {
  connections_ = ConnectionsOfAgents();
  std::vector<std::string> names = ControlEndpoints();
  for (const std::string& each : configured_) {
    if (!IpPrefix::Parse(each).ok()) names.push_back(each);
  }
  auto left = std::make_shared<size_t>(names.size());
  if (names.empty()) {
    Publish();
    return done();
  }
  for (const std::string& name : names) {
    resolver_.Resolve(name, [this, name, left, done](StatusOr<std::vector<IpPrefix>> addresses) {
      if (addresses.ok()) addresses_[name] = *std::move(addresses);
      if (--*left > 0) return;
      Publish();
      done();
    });
  }
}

void Protection::RefreshConnections() {
  std::vector<RemoteEnd> now = ConnectionsOfAgents();
  if (now == connections_) return;
  connections_ = std::move(now);
  Publish();
}

void Protection::SetListeningPort(uint16_t port) {
  listening_port_ = port;
  Publish();
}

void Protection::Publish() {
  ProtectedEndpoints endpoints;
  endpoints.connections = connections_;
  endpoints.listening_port = listening_port_;
  endpoints.resolvers = Resolvers();
  for (const std::string& name : ControlEndpoints()) {
    for (const IpPrefix& known : addresses_[name])
      endpoints.control_endpoints.push_back(known.address);
  }
  for (const std::string& each : configured_) {
    std::vector<IpPrefix> prefixes = addresses_[each];
    if (auto prefix = IpPrefix::Parse(each); prefix.ok()) prefixes.push_back(*prefix);
    for (const IpPrefix& prefix : prefixes) {
      endpoints.configured.push_back({AddressSet(prefix.address.family, {prefix.range()})});
    }
  }
  changed_(endpoints);
}

}  // namespace faultd

#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "daemon/asio_loop.h"
#include "engine/resolver.h"
#include "faults/net/protect.h"
#include "kernel/cgroup.h"

namespace faultd {

// Finds out what no fault may cut off and keeps it up to date: DNS servers, the control endpoints
// of the region, the connections of the SSM agent, clients of our own, and [protect] of the
// configuration. On the loop's thread.
class Protection {
 public:
  using Changed = std::function<void(const ProtectedEndpoints&)>;

  // `configured` holds addresses, CIDRs and names; `region` may be empty.
  Protection(AsioLoop& loop, Resolver& resolver, std::vector<std::string> configured,
             std::string region, Changed changed)
      : loop_(loop),
        resolver_(resolver),
        configured_(std::move(configured)),
        region_(std::move(region)),
        changed_(std::move(changed)) {}

  // Looks everything up and calls `changed` with it, then `done`, after some seconds at most. Names
  // that have no answer keep the addresses that they had.
  void Refresh(std::function<void()> done);
  // Looks at once what connections the SSM agent has, and calls `changed` if there are others than
  // before. Before an injection, because the addresses behind its names change.
  void RefreshConnections();
  // Where gRPC clients come to.
  void SetListeningPort(uint16_t port);

 private:
  void FindRegion(std::function<void()> done);
  void LookUp(std::function<void()> done);
  void Publish();
  std::vector<std::string> ControlEndpoints() const;
  std::vector<RemoteEnd> ConnectionsOfAgents();

  AsioLoop& loop_;
  Resolver& resolver_;
  const std::vector<std::string> configured_;
  std::string region_;
  const Changed changed_;
  CgroupFinder cgroups_;
  std::vector<RemoteEnd> connections_;
  uint16_t listening_port_ = 0;
  std::map<std::string, std::vector<IpPrefix>> addresses_;  // of every name, as last known
};

// Addresses on the "nameserver" lines of a resolv.conf(5).
std::vector<IpAddress> ParseResolvConf(std::string_view text);

}  // namespace faultd

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/status.h"

namespace faultd {

// The far end of a TCP connection.
struct RemoteEnd {
  IpAddress address;
  uint16_t port = 0;
  friend bool operator==(const RemoteEnd&, const RemoteEnd&) = default;
};

// The far ends of the TCP connections, in the caller's network namespace, of sockets that were made
// in one cgroup: a directory of a cgroup v2 hierarchy, such as that of a systemd unit. Sorted, each
// once. The kernel filters, so it costs little on a host with many connections, and takes no
// privilege over the processes. NOT_FOUND without such a directory; INTERNAL on kernels before
// Linux 5.9, which cannot tell (INET_DIAG_BC_CGROUP_COND, sock_diag(7)).
StatusOr<std::vector<RemoteEnd>> ConnectionsOfCgroup(const std::string& directory);

}  // namespace faultd

#include "kernel/connections.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "base/strings.h"
#include "kernel/netlink.h"

namespace faultd {
namespace {

// A filter that lets the sockets of one cgroup pass: a single operation with its argument behind
// it. Where it is true the filter goes on behind its end, which is to pass; where not, beyond that,
// which is not to.
struct CgroupFilter {
  inet_diag_bc_op operation;
  uint64_t cgroup;
} __attribute__((packed));

std::array<std::byte, sizeof(CgroupFilter)> FilterFor(uint64_t cgroup) {
  const CgroupFilter filter{{.code = INET_DIAG_BC_CGROUP_COND,
                             .yes = sizeof(CgroupFilter),
                             .no = sizeof(CgroupFilter) + 4},
                            cgroup};
  std::array<std::byte, sizeof(CgroupFilter)> bytes;
  std::memcpy(bytes.data(), &filter, sizeof(filter));
  return bytes;
}

IpAddress AddressFrom(uint8_t family, const uint32_t (&words)[4]) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(family, words, text, sizeof(text));
  return *IpAddress::Parse(text);
}

auto Order(const RemoteEnd& end) {
  return std::make_tuple(end.address.family, end.address.value, end.port);
}

}  // namespace

StatusOr<std::vector<RemoteEnd>> ConnectionsOfCgroup(const std::string& directory) {
  struct stat info{};
  if (stat(directory.c_str(), &info) != 0) return ErrnoStatus(errno, StrCat("look at ", directory));
  // The number of the directory is the cgroup's id (kernfs_ino in the kernel).
  const auto filter = FilterFor(info.st_ino);
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_SOCK_DIAG));
  std::vector<RemoteEnd> ends;
  for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
    NetlinkMessage message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
    message.PutHeader(inet_diag_req_v2{.sdiag_family = family,
                                       .sdiag_protocol = IPPROTO_TCP,
                                       .idiag_states = 1U << TCP_ESTABLISHED});
    message.Put(INET_DIAG_REQ_BYTECODE, filter.data(), filter.size());
    RETURN_IF_ERROR(socket.Query(
        message, StrCat("list connections of ", directory), [&](const nlmsghdr* answer) {
          const auto found = HeaderOf<inet_diag_msg>(answer);
          ends.push_back({AddressFrom(family, found.id.idiag_dst), ntohs(found.id.idiag_dport)});
        }));
  }
  std::sort(ends.begin(), ends.end(),
            [](const RemoteEnd& a, const RemoteEnd& b) { return Order(a) < Order(b); });
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

}  // namespace faultd

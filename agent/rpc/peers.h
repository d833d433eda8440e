#pragma once

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace faultd {

// Who is at the other end of a connection.
struct Peer {
  // For people: "uid=0(root) pid=4711 comm=faultctl", "uri:spiffe://example.org/ci from
  // ipv4:10.0.0.9:40312".
  std::string description;
  // What roles can be given to: "user:0", "group:4" with the numbers that the kernel has; or of a
  // certificate that was verified "uri:…", "dns:…", "email:…", "ip:…". Never empty; the first is
  // the peer's principal.
  std::vector<std::string> names;
};

// Who is at the other end of each connection. Connections over the unix socket are handed to gRPC
// as descriptors, and gRPC names the peer of a call by that descriptor ("fd:4711"). Used from any
// thread.
class Peers {
 public:
  // Notes the credentials that the kernel has for a connected unix socket (SO_PEERCRED and
  // SO_PEERGROUPS, unix(7)). `user` is for people: see UserName.
  void NoteUnixPeer(int fd, std::string_view user);

  // UNAUTHENTICATED when nobody vouches for the peer.
  StatusOr<Peer> PeerOf(const grpc::CallbackServerContext& context) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Peer> unix_peers_;
};

// The user at the other end of a connected unix socket; none when the kernel does not know.
std::optional<uid_t> UnixUser(int fd);

// Of the host's own file only, "?" when it has no such user: asking a directory service would take
// as long as the network does. Waits for the disk: not for the loop.
std::string UserName(uid_t uid);

// The subject alternative names as Peer::names has them, URIs first; empty when there are none.
std::vector<std::string> NamesOf(const grpc::AuthContext& context);

}  // namespace faultd

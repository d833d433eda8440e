#pragma once

#include <map>
#include <mutex>
#include <string>

namespace faultd {

// Who is at the other end of each connection. Connections over the unix socket are handed to gRPC
// as descriptors, and gRPC names the peer of a call by that descriptor ("fd:17"). Used from any
// thread.
class Peers {
 public:
  // Notes the credentials that the kernel has for a connected unix socket (SO_PEERCRED, unix(7)).
  void NoteUnixPeer(int fd);

  // The actor for a call, from grpc::ServerContext::peer(): "uid=0(root) pid=4711 comm=faultctl".
  std::string ActorOf(const std::string& grpc_peer) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> actors_;
};

}  // namespace faultd

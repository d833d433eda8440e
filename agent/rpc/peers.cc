#include "rpc/peers.h"

#include <pwd.h>
#include <sys/socket.h>

#include <vector>

#include "base/file_io.h"
#include "base/strings.h"

namespace faultd {
namespace {

std::string UserName(uid_t uid) {
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return "?";
  return entry.pw_name;
}

}  // namespace

void Peers::NoteUnixPeer(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  std::string actor = "unknown";
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
    const auto command = ReadSmallFile(StrCat("/proc/", credentials.pid, "/comm"));
    actor = StrCat("uid=", credentials.uid, "(", UserName(credentials.uid),
                   ") pid=", credentials.pid, command.ok() ? StrCat(" comm=", *command) : "");
  }
  const std::lock_guard lock(mutex_);
  actors_[StrCat("fd:", fd)] = std::move(actor);
}

std::string Peers::ActorOf(const std::string& grpc_peer) const {
  const std::lock_guard lock(mutex_);
  auto found = actors_.find(grpc_peer);
  return found == actors_.end() ? grpc_peer : found->second;
}

}  // namespace faultd

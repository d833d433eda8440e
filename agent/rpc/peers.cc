#include "rpc/peers.h"

#include <grpc/grpc_security_constants.h>
#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/file_io.h"
#include "base/strings.h"

namespace faultd {
namespace {

std::optional<ucred> Credentials(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials;
}

std::vector<gid_t> Groups(int fd) {
  std::vector<gid_t> groups(NGROUPS_MAX);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) size = 0;
  groups.resize(size / sizeof(gid_t));
  return groups;
}

bool IsPrintable(char c) { return c >= ' ' && c <= '~'; }

// A process chooses its name from any bytes; what is no UTF-8 cannot be read back from a message or
// a record.
std::string Printable(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return !IsPrintable(c); }, '?');
  return text;
}

void AddNames(const grpc::AuthContext& context, const char* property, std::string_view type,
              std::vector<std::string>& names) {
  for (const grpc::string_ref& value : context.FindPropertyValues(property)) {
    // No URI, DNS name or address has other characters.
    if (std::all_of(value.begin(), value.end(), IsPrintable))
      names.push_back(StrCat(type, ":", std::string_view(value.data(), value.size())));
  }
}

}  // namespace

std::optional<uid_t> UnixUser(int fd) {
  const auto credentials = Credentials(fd);
  return credentials ? std::optional(credentials->uid) : std::nullopt;
}

std::string UserName(uid_t uid) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(fopen("/etc/passwd", "re"), fclose);
  if (file == nullptr) return "?";
  char buffer[4096];
  passwd entry{};
  passwd* found = nullptr;
  while (fgetpwent_r(file.get(), &entry, buffer, sizeof(buffer), &found) == 0) {
    if (entry.pw_uid == uid) return entry.pw_name;
  }
  return "?";
}

void Peers::NoteUnixPeer(int fd, std::string_view user) {
  Peer peer;
  if (const auto known = Credentials(fd)) {
    const ucred& credentials = *known;
    const auto command = ReadSmallFile(StrCat("/proc/", credentials.pid, "/comm"));
    peer.description = StrCat("uid=", credentials.uid, "(", user, ") pid=", credentials.pid,
                              command.ok() ? StrCat(" comm=", Printable(*command)) : "");
    peer.names = {StrCat("user:", credentials.uid), StrCat("group:", credentials.gid)};
    for (const gid_t group : Groups(fd)) peer.names.push_back(StrCat("group:", group));
  }
  const std::lock_guard lock(mutex_);
  unix_peers_[StrCat("fd:", fd)] = std::move(peer);
}

StatusOr<Peer> Peers::PeerOf(const grpc::CallbackServerContext& context) const {
  if (const auto auth = context.auth_context(); auth != nullptr && auth->IsPeerAuthenticated()) {
    Peer peer{.description = "", .names = NamesOf(*auth)};
    if (!peer.names.empty()) {
      peer.description = StrCat(peer.names.front(), " from ", context.peer());
      return peer;
    }
  }
  const std::lock_guard lock(mutex_);
  auto found = unix_peers_.find(context.peer());
  if (found == unix_peers_.end() || found->second.names.empty())
    return absl::UnauthenticatedError(StrCat("nobody knows who is at ", context.peer()));
  return found->second;
}

std::vector<std::string> NamesOf(const grpc::AuthContext& context) {
  std::vector<std::string> names;
  AddNames(context, GRPC_PEER_URI_PROPERTY_NAME, "uri", names);
  AddNames(context, GRPC_PEER_DNS_PROPERTY_NAME, "dns", names);
  AddNames(context, GRPC_PEER_EMAIL_PROPERTY_NAME, "email", names);
  AddNames(context, GRPC_PEER_IP_PROPERTY_NAME, "ip", names);
  return names;
}

}  // namespace faultd

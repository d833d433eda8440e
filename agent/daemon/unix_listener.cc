#include "daemon/unix_listener.h"

#include <fcntl.h>
#include <grp.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/strings.h"
#include "daemon/accept_loop.h"

namespace faultd {
namespace {

using boost::asio::local::stream_protocol;

StatusOr<gid_t> FindGroup(const std::string& name) {
  std::vector<char> buffer(16 << 10);
  group entry{};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return absl::NotFoundError(StrCat("there is no group ", name));
  }
  return entry.gr_gid;
}

}  // namespace

StatusOr<std::unique_ptr<UnixListener>> UnixListener::Open(AsioLoop& loop, const std::string& path,
                                                           const std::string& group,
                                                           std::function<void(UniqueFd)> accepted) {
  std::unique_ptr<UnixListener> listener(new UnixListener(loop, path));
  // Made under another name, so that whoever sees the socket can use it.
  struct Draft {
    ~Draft() { unlink(path.c_str()); }
    const std::string path;
  } const made{path + ".new"};
  const std::string& draft = made.path;
  unlink(draft.c_str());
  boost::system::error_code error;
  stream_protocol::acceptor& acceptor = listener->acceptor_;
  acceptor.open(stream_protocol(), error);
  // From the first moment nobody but root can connect; the group is let in below.
  const mode_t before = umask(0177);
  if (!error) acceptor.bind(stream_protocol::endpoint(draft), error);
  umask(before);
  if (error) return absl::InternalError(StrCat("listen on ", draft, ": ", error.message()));
  if (StatusOr<gid_t> gid = FindGroup(group); !gid.ok()) {
    spdlog::warn("{}: only root can use {}", std::string(gid.status().message()), path);
  } else if (chown(draft.c_str(), static_cast<uid_t>(-1), *gid) != 0) {
    return ErrnoStatus(errno, StrCat("give ", draft, " to group ", group));
  }
  if (chmod(draft.c_str(), 0660) != 0) return ErrnoStatus(errno, StrCat("set mode of ", draft));
  acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) return absl::InternalError(StrCat("listen on ", draft, ": ", error.message()));
  if (rename(draft.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, StrCat("rename ", draft));
  fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
  AcceptAll(loop, acceptor, std::move(accepted));
  return listener;
}

UnixListener::~UnixListener() { unlink(path_.c_str()); }

}  // namespace faultd

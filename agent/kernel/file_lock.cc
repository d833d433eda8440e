#include "kernel/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/strings.h"

namespace faultd {
namespace {

StatusOr<UniqueFd> Lock(const std::string& path, int operation) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open lock ", path));
  while (flock(fd.get(), operation) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      return absl::UnavailableError(StrCat("lock ", path, ": held by another process"));
    }
    return ErrnoStatus(errno, StrCat("lock ", path));
  }
  return fd;
}

}  // namespace

StatusOr<FileLock> FileLock::Acquire(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, Lock(path, LOCK_EX));
  return FileLock(std::move(fd));
}

StatusOr<FileLock> FileLock::TryAcquire(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, Lock(path, LOCK_EX | LOCK_NB));
  return FileLock(std::move(fd));
}

}  // namespace faultd

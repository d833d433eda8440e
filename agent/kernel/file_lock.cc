#include "kernel/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <thread>

#include "base/strings.h"

namespace faultd {
StatusOr<FileLock> FileLock::TryAcquire(const std::string& path) {
  // Not for writing: on a file system that has gone read-only the host is put back, too.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open lock ", path));
  while (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      return absl::UnavailableError(StrCat("lock ", path, ": held by another process"));
    }
    return ErrnoStatus(errno, StrCat("lock ", path));
  }
  return FileLock(std::move(fd));
}

// flock(2) that blocks has no time-out of its own, and a signal to end it would need a handler.
StatusOr<FileLock> FileLock::Acquire(const std::string& path, std::chrono::milliseconds longest) {
  constexpr std::chrono::milliseconds kPause{2};
  const auto until = std::chrono::steady_clock::now() + longest;
  for (;;) {
    StatusOr<FileLock> lock = TryAcquire(path);
    if (!absl::IsUnavailable(lock.status()) || std::chrono::steady_clock::now() >= until) {
      return lock;
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace faultd

#pragma once

#include <chrono>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace faultd {

// An exclusive flock(2) on a file, held until the object or the process is gone: whoever holds the
// lock of the journal may change the host. The descriptor is close-on-exec; a child that inherited
// it would hold the lock on.
class FileLock {
 public:
  // The file is made if it is not there. UNAVAILABLE when somebody else holds the lock.
  static StatusOr<FileLock> TryAcquire(const std::string& path);
  // Waits for it; UNAVAILABLE when it is held for longer than this.
  static StatusOr<FileLock> Acquire(const std::string& path, std::chrono::milliseconds longest);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace faultd

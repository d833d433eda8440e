#pragma once

#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace faultd {

// An exclusive flock(2) on a file, held until the object or the process is gone: whoever holds the
// lock of the journal may change the host. The descriptor is close-on-exec; a child that inherited
// it would hold the lock on.
class FileLock {
 public:
  // Waits until the lock is free. The file is made if it is not there.
  static StatusOr<FileLock> Acquire(const std::string& path);
  // UNAVAILABLE when somebody else holds it.
  static StatusOr<FileLock> TryAcquire(const std::string& path);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace faultd

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernel/file_system.h"

namespace faultd {

// What faults know of the file systems of this host. Nothing waits, though a disk may stall; lives
// on the loop.
class FileSystems {
 public:
  virtual ~FileSystems() = default;

  // Looks at those with these directories, and calls `done` when each has answered or has had its
  // time; maybe from inside.
  virtual void Look(const std::vector<std::string>& directories, std::function<void()> done) = 0;

  // As of the last look at this directory. Errors are those of ReadFileSystemOf; UNAVAILABLE when
  // it has not answered, or nobody has looked.
  virtual StatusOr<FileSystemFacts> Of(const std::string& directory) const = 0;
};

}  // namespace faultd

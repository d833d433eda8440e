#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace faultd {

struct FileSystemFacts {
  std::string path;  // of the directory asked for, without symbolic links
  std::string type;  // "ext4"; the number as statfs(2) has it where the name is not known
  bool read_only = false;
  bool pseudo = false;      // not a place for files: proc, sysfs, cgroup and their like
  std::string mount_point;  // see MountPointOf
  uint64_t device = 0;      // equal for two paths on the same file system
  uint64_t total_bytes = 0;
  uint64_t used_bytes = 0;
  uint64_t free_bytes = 0;    // for unprivileged users
  uint64_t total_inodes = 0;  // 0: the file system has no such limit
  uint64_t free_inodes = 0;

  // In use as df(1) shows it: of what unprivileged users can have.
  double PercentFull() const;
};

// Of the file system with this directory. NOT_FOUND; FAILED_PRECONDITION if it is none. Waits for
// as long as the disk takes.
StatusOr<FileSystemFacts> ReadFileSystemOf(const std::string& directory);

// Where the file system with this path is mounted: the highest of the directories down to it that
// are part of the same mount. For a path that is not there, that of the nearest directory above it
// that is. `path` is absolute and without symbolic links.
StatusOr<std::string> MountPointOf(std::string path);

}  // namespace faultd

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace faultd {

struct MemoryFacts {
  uint64_t total = 0;      // bytes: of the host, or the limit of the cgroup if that is less
  uint64_t available = 0;  // bytes: MemAvailable, or what the cgroup's limit leaves if that is less
  friend bool operator==(const MemoryFacts&, const MemoryFacts&) = default;
};

struct FileSystemFacts {
  std::string path;  // of the directory asked for, without symbolic links
  std::string type;  // "ext4"; the number as statfs(2) has it where the name is not known
  bool read_only = false;
  bool pseudo = false;  // not a place for files: proc, sysfs, cgroup and their like
  uint64_t device = 0;  // equal for two paths on the same file system
  uint64_t total_bytes = 0;
  uint64_t used_bytes = 0;
  uint64_t free_bytes = 0;    // for unprivileged users
  uint64_t total_inodes = 0;  // 0: the file system has no such limit
  uint64_t free_inodes = 0;

  // In use as df(1) shows it: of what unprivileged users can have.
  double PercentFull() const;
};

// What the host has to offer: cores and memory. Only reads.
class Machine {
 public:
  virtual ~Machine() = default;
  // Numbers of the cores that this process may use: online, in its affinity and cpuset. In order.
  virtual StatusOr<std::vector<int>> UsableCores() = 0;
  // How many cores' worth of time its cgroups allow (cpu.max); 0: no limit.
  virtual StatusOr<double> CpuQuota() = 0;
  virtual StatusOr<MemoryFacts> Memory() = 0;
};

// Of the file system with this directory. NOT_FOUND; FAILED_PRECONDITION if it is none. Waits for
// as long as the disk takes.
StatusOr<FileSystemFacts> ReadFileSystemOf(const std::string& directory);

std::unique_ptr<Machine> OpenMachine();

}  // namespace faultd

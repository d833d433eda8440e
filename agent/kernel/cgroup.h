#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace faultd {

// Where this process stands in one hierarchy of cgroups.
struct CgroupPlace {
  std::string mount;  // directory at which the hierarchy is mounted
  std::string path;   // directory of this process's cgroup: the mount itself or below it
};

// The cgroups that this process was in when they were read.
class OwnCgroups {
 public:
  static StatusOr<OwnCgroups> Read();
  // Those that it is in now, if hierarchies are mounted as they were.
  StatusOr<OwnCgroups> Again() const;

  // In the hierarchy of cgroup v2; nullopt if none is mounted.
  std::optional<CgroupPlace> Unified() const { return Find(""); }
  // In the hierarchy of cgroup v1 with this controller; nullopt if there is none.
  std::optional<CgroupPlace> Legacy(std::string_view controller) const { return Find(controller); }

 private:
  // An empty controller stands for cgroup v2.
  std::optional<CgroupPlace> Find(std::string_view controller) const;

  std::string mounts_;   // the lines of mountinfo that are about cgroups
  std::string cgroups_;  // /proc/self/cgroup
};

// The cgroups of this process for whoever asks often: where hierarchies are mounted is found out
// the first time, and again only if that has failed. A host has thousands of mounts, which take
// long to list. For one thread.
class CgroupFinder {
 public:
  StatusOr<OwnCgroups> Find();

 private:
  std::optional<OwnCgroups> last_;
};

// Directories of the cgroup and of all above it, as far as the mount, its own first.
std::vector<std::string> Ancestry(const CgroupPlace& place);

}  // namespace faultd

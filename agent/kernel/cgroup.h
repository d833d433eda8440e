#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace faultd {

// Where this process stands in one hierarchy of cgroups.
struct CgroupPlace {
  std::string mount;  // directory at which the hierarchy is mounted
  std::string path;   // directory of this process's cgroup: the mount itself or below it
};

// In the hierarchy of cgroup v2; nullopt if none is mounted.
StatusOr<std::optional<CgroupPlace>> UnifiedCgroup();
// In the hierarchy of cgroup v1 with this controller; nullopt if there is none.
StatusOr<std::optional<CgroupPlace>> LegacyCgroup(std::string_view controller);

// Directories of the cgroup and of all above it, as far as the mount, its own first.
std::vector<std::string> Ancestry(const CgroupPlace& place);

}  // namespace faultd

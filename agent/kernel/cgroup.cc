#include "kernel/cgroup.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/file_io.h"
#include "base/strings.h"

namespace faultd {
namespace {

bool Contains(const std::vector<std::string>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

struct Mount {
  std::string root;  // of the hierarchy, as seen at the mount
  std::string path;
};

// A line of mountinfo: ID PARENT MAJOR:MINOR ROOT PATH OPTIONS [TAGS…] - TYPE SOURCE SUPER-OPTIONS
// (proc(5)).
std::optional<Mount> FindMount(const std::string& mounts, std::string_view controller) {
  for (absl::string_view line : absl::StrSplit(mounts, '\n')) {
    const std::vector<std::string> sides = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    if (sides.size() != 2) continue;
    const std::vector<std::string> left = absl::StrSplit(sides[0], ' ');
    const std::vector<std::string> right = absl::StrSplit(sides[1], ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    const bool match = controller.empty() ? right[0] == "cgroup2"
                                          : right[0] == "cgroup" &&
                                                Contains(absl::StrSplit(right[2], ','), controller);
    if (match) return Mount{left[3], left[4]};
  }
  return std::nullopt;
}

// A line of /proc/self/cgroup: ID:CONTROLLERS:PATH (cgroups(7)).
std::optional<std::string> FindPath(const std::string& cgroups, std::string_view controller) {
  for (absl::string_view line : absl::StrSplit(cgroups, '\n')) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const bool match =
        controller.empty() ? parts[0] == "0" : Contains(absl::StrSplit(parts[1], ','), controller);
    if (match) return parts[2];
  }
  return std::nullopt;
}

}  // namespace

StatusOr<OwnCgroups> OwnCgroups::Read() {
  ASSIGN_OR_RETURN(const std::string mounts, ReadMounts());
  OwnCgroups own;
  for (absl::string_view line : absl::StrSplit(mounts, '\n')) {
    if (absl::StrContains(line, " - cgroup")) StrAppend(&own.mounts_, line, "\n");
  }
  return own.Again();
}

StatusOr<OwnCgroups> OwnCgroups::Again() const {
  OwnCgroups own = *this;
  ASSIGN_OR_RETURN(own.cgroups_, ReadSmallFile("/proc/self/cgroup"));
  return own;
}

std::optional<CgroupPlace> OwnCgroups::Find(std::string_view controller) const {
  const std::optional<Mount> mount = FindMount(mounts_, controller);
  std::optional<std::string> path = FindPath(cgroups_, controller);
  if (!mount || !path) return std::nullopt;
  // In a container the mount may show a part of the hierarchy only.
  if (mount->root != "/" && path->compare(0, mount->root.size(), mount->root) == 0) {
    path->erase(0, mount->root.size());
  }
  if (*path == "/") path->clear();
  return CgroupPlace{mount->path, mount->path + *path};
}

StatusOr<OwnCgroups> CgroupFinder::Find() {
  if (last_) return last_->Again();
  ASSIGN_OR_RETURN(last_, OwnCgroups::Read());
  return *last_;
}

std::vector<std::string> Ancestry(const CgroupPlace& place) {
  std::vector<std::string> directories;
  for (std::string at = place.path; at.size() >= place.mount.size();) {
    directories.push_back(at);
    const size_t slash = at.rfind('/');
    if (slash == std::string::npos) break;
    at.resize(slash);
  }
  return directories;
}

}  // namespace faultd

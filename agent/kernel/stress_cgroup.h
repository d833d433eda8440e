#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/status.h"
#include "kernel/cgroup.h"

namespace faultd {

// The cgroups (v2) of stress processes, one for each fault. Their names tell the daemon they belong
// to from others on the same host.
class StressCgroups {
 public:
  explicit StressCgroups(const std::string& state_dir);

  // The cgroup of this process; "" where cgroup v2 is not mounted, or mounted read-only.
  StatusOr<std::string> Parent();

  Status Make(const std::string& parent, const std::string& id) const;
  Status Enter(const std::string& parent, const std::string& id, pid_t process) const;
  // Kills what is left in it. True when it is seen gone, or was not there.
  StatusOr<bool> Remove(const std::string& parent, const std::string& id) const;
  // Ids of the faults that have one below `parent`; none if that is empty.
  StatusOr<std::vector<std::string>> List(const std::string& parent) const;

 private:
  std::string Path(const std::string& parent, const std::string& id) const;
  std::string prefix_;
  CgroupFinder cgroups_;
};

}  // namespace faultd

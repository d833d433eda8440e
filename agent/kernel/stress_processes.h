#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace faultd {

// Where a stress process may leave files with names. All empty: nowhere.
struct StressFiles {
  std::string path;  // the directory that its own is in
  // Of the file system, where files outlive the process: it must be there to say that they are
  // gone. Empty where the kernel frees them whatever happens.
  std::string mount_point;
};

// Starts, finds and ends stress processes: one per fault, in a cgroup of its own where cgroup v2 is
// there, killed by the kernel when this process dies. Orders and reports are passed on unread.
//
// Whatever belongs to a fault carries its id, so that another process can find and end it: the
// process in its arguments, the cgroup and the directory for files in their names.
class StressProcesses {
 public:
  virtual ~StressProcesses() = default;

  // Directory of the cgroup in which the processes' cgroups are made; "" where there is no cgroup
  // v2 that this process may change.
  virtual StatusOr<std::string> CgroupParent() = 0;
  // Whether Start was called with success, and End has not seen the process gone since.
  virtual bool Started(const std::string& id) const = 0;
  // Begins to start the process for a fault that has none; Report hands it the order once it runs.
  virtual Status Start(const std::string& id, const std::string& cgroup_parent,
                       const std::string& order) = 0;
  // The newest report; nullopt before the first. DATA_LOSS, with how it ended, if the process is
  // gone; other errors if it could not be started.
  virtual StatusOr<std::optional<std::string>> Report(const std::string& id) = 0;
  // Kills the process, whoever started it, and removes the cgroup. True when both are seen gone.
  virtual StatusOr<bool> End(const std::string& id, const std::string& cgroup_parent) = 0;

  // Path of the directory for a fault's files with names.
  static std::string FilesDirectory(const std::string& id, const std::string& path);
  // Removes it with what is in it, and does not wait for the disk. True when it is seen gone;
  // PreconditionError "MOUNT" while its file system is not mounted. To be called when the process
  // is gone.
  virtual StatusOr<bool> RemoveFiles(const std::string& id, const StressFiles& files) = 0;

  // Ids of the faults of which a process or a cgroup is there that this process has not started, in
  // order.
  virtual StatusOr<std::vector<std::string>> ListStrays() = 0;
};

struct StressProgram {
  std::string path;       // of faultd-stress; empty: for a process that starts none
  std::string state_dir;  // tells our processes from those of another daemon
};

std::unique_ptr<StressProcesses> OpenStressProcesses(StressProgram program);

}  // namespace faultd

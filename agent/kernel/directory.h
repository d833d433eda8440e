#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace faultd {

// A directory of small files that survive a crash: a file is there with all of its content or not
// at all. Names must not contain '/'. Symbolic links are never followed, and what is not a regular
// file of our user is not read: DATA_LOSS. Used from any thread; nobody may write a file while
// another thread writes or removes it.
class Directory {
 public:
  virtual ~Directory() = default;

  // Names of the files, sorted, without half-written ones.
  virtual StatusOr<std::vector<std::string>> List() = 0;
  // NOT_FOUND when there is none; at most 16 MiB.
  virtual StatusOr<std::string> Read(const std::string& name) = 0;
  // Replaces or creates; on disk, name and content, when it returns.
  virtual Status Write(const std::string& name, std::string_view content) = 0;
  // Does not wait for the disk: after a loss of power the file may be there again, until Sync. A
  // file that is not there is no error. Needs no disk space.
  virtual Status Remove(const std::string& name) = 0;
  // Moves a file to another name in the same directory. Needs no disk space worth speaking of.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  // What was removed stays removed from now on.
  virtual Status Sync() = 0;
};

// Opens the directory `path`, made with mode 0700 if it is not there (its parent must be).
// PERMISSION_DENIED when it belongs to another user; where others may write to it, they may not any
// more.
StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path);

// Removes what writers that died half-way left. Only for a process that may change the directory: a
// living writer's file would go as well.
Status RemoveHalfWritten(const std::string& path);

}  // namespace faultd

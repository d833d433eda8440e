#pragma once

#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "kernel/file_system.h"

namespace faultd {

// The directory in which a disk load works. It is held open, so that whatever happens to its path,
// the load stays on the file system that it was planned for.
class DiskPlace {
 public:
  // `directory` is where files with names go: it must not exist yet, and no part of its path may be
  // a symbolic link. Files without names go into the directory above it.
  static StatusOr<DiskPlace> Open(const std::string& directory);

  // Of the directory above.
  const std::string& path() const { return path_; }

  // An empty file for reading and writing that is in no directory: the kernel frees it as soon as
  // it is closed, however the process ends.
  StatusOr<UniqueFd> CreateNamelessFile() const;
  // The same for a file system without O_TMPFILE: the file has a name for a moment.
  StatusOr<UniqueFd> CreateAndUnlink() const;

  // Makes the directory for files with names. ALREADY_EXISTS.
  StatusOr<UniqueFd> MakeDirectory() const;

  StatusOr<FileSystemFacts> Facts() const;

 private:
  DiskPlace(UniqueFd parent, std::string path, std::string name)
      : parent_(std::move(parent)), path_(std::move(path)), name_(std::move(name)) {}

  UniqueFd parent_;
  std::string path_;
  std::string name_;
};

}  // namespace faultd

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/status.h"
#include "base/unique_fd.h"
#include "stress/disk_place.h"

namespace faultd {

// Uses up inodes of a file system with empty files, in sub-directories of the place's directory for
// files with names. These outlive the process.
class InodeFill {
 public:
  // `inodes`: how many to take, those of the directories included.
  static StatusOr<std::shared_ptr<InodeFill>> Open(DiskPlace place, uint64_t inodes);

  // Makes the files. That no inode is left is as good.
  Status Create();

  // How many are taken; may be called from any thread.
  uint64_t inodes() const { return inodes_; }
  const DiskPlace& place() const { return place_; }

 private:
  InodeFill(DiskPlace place, UniqueFd top, uint64_t wanted)
      : place_(std::move(place)), top_(std::move(top)), wanted_(wanted) {}
  // OK when no inode is left.
  Status Error(int error, std::string_view what) const;

  const DiskPlace place_;
  const UniqueFd top_;
  const uint64_t wanted_;
  std::atomic<uint64_t> inodes_ = 1;  // the directory's own
};

}  // namespace faultd

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/status.h"
#include "base/unique_fd.h"
#include "stress/disk_place.h"

namespace faultd {

// The file that a disk I/O load works on. It has no name.
class DiskIoFile {
 public:
  // `direct`: whether the page cache is to be passed by in blocks of `block_bytes`; nullopt: where
  // that is possible. FAILED_PRECONDITION when it must but cannot.
  static StatusOr<DiskIoFile> Create(const DiskPlace& place, size_t block_bytes,
                                     std::optional<bool> direct);

  // Writes all of the file, a multiple of `block_bytes`, as a read of what was never written does
  // not come to the disk. Then tells the kernel how it is going to be used.
  Status LayOut(uint64_t bytes, bool sequential) const;

  int fd() const { return fd_.get(); }
  bool direct() const { return direct_; }

 private:
  DiskIoFile(UniqueFd fd, bool direct) : fd_(std::move(fd)), direct_(direct) {}

  UniqueFd fd_;
  bool direct_;
};

}  // namespace faultd

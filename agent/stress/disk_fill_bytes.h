#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "stress/disk_buffer.h"
#include "stress/disk_place.h"

namespace faultd {

// Takes room on a file system, in files without names. Any thread may call any function; the
// numbers never wait for the disk.
class ByteFill {
 public:
  struct Goal {
    uint64_t bytes = 0;
    // Never to leave less free than this.
    uint64_t keep_free_bytes = 0;
    // No space left before all bytes are taken: others took it, and that is as good.
    bool full_is_enough = false;
  };
  ByteFill(DiskPlace place, const Goal& goal) : place_(std::move(place)), goal_(goal) {}

  // Takes the bytes by fallocate(2). FAILED_PRECONDITION with EOPNOTSUPP if the file system has
  // none; RESOURCE_EXHAUSTED when there is no space or quota for all.
  Status Allocate();
  // Takes them by writing.
  Status Write();
  // Gives back twice what is missing where less than `keep_free_bytes` is free: who took it is
  // likely to go on.
  Status KeepFree();

  uint64_t bytes() const { return bytes_; }
  // What is not taken, or was given back, for the sake of `keep_free_bytes`.
  uint64_t withheld_bytes() const { return withheld_; }
  const DiskPlace& place() const { return place_; }

 private:
  static constexpr size_t kLargestWrite = 1 << 20;

  struct File {
    UniqueFd fd;
    uint64_t bytes = 0;
  };

  Status AddFile(bool direct);
  // How much may be taken next, up to `most`; 0 when no more is to be taken.
  StatusOr<uint64_t> NextBytes(uint64_t most);
  void Grow(uint64_t bytes);
  // Takes some of the bytes by writing; false when there is nothing left to do.
  StatusOr<bool> WriteSome(DiskBuffer& buffer);
  Status Flush(const File& file) const;
  Status Error(int error) const;

  const DiskPlace place_;
  const Goal goal_;
  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<uint64_t> withheld_ = 0;
  std::mutex mutex_;  // of what follows
  std::vector<File> files_;
  bool full_ = false;
  uint64_t write_step_ = kLargestWrite;
  uint64_t unsynced_ = 0;
};

}  // namespace faultd

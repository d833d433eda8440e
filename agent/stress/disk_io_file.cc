#include "stress/disk_io_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "stress/disk_buffer.h"

namespace faultd {
namespace {

constexpr size_t kLayOutBytes = 1 << 20;

// Whether a file system that takes O_DIRECT does what it says: tmpfs has nothing but page cache,
// and others go through it when blocks are not aligned.
bool PassesCache(int fd, size_t block_bytes) {
  struct statfs system{};
  if (fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC) return false;
  // Where the file system does not say (statx(2), Linux 6.1), pages are aligned enough for any.
  size_t alignment = 4096;
  struct statx file{};
  if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &file) == 0 &&
      (file.stx_mask & STATX_DIOALIGN) != 0) {
    alignment = file.stx_dio_offset_align;
  }
  return alignment != 0 && block_bytes % alignment == 0;
}

// Leaves the file with O_DIRECT if it is possible.
StatusOr<bool> TryDirect(int fd, size_t block_bytes) {
  if (!PassesCache(fd, block_bytes) || !SetDirect(fd, true)) return false;
  ASSIGN_OR_RETURN(DiskBuffer buffer, DiskBuffer::Create(block_bytes));
  // The second block, as the beginning is aligned for any size of blocks.
  const WriteResult result = WriteAt(fd, buffer.data(), buffer.size(), block_bytes);
  if (result.error == 0) return true;
  if (result.error != EINVAL)
    return WriteError(result.error, "try direct I/O", result.bytes, block_bytes);
  SetDirect(fd, false);
  return false;
}

}  // namespace

StatusOr<DiskIoFile> DiskIoFile::Create(const DiskPlace& place, size_t block_bytes,
                                        std::optional<bool> direct) {
  ASSIGN_OR_RETURN(UniqueFd fd, place.CreateNamelessFile());
  if (direct == false) return DiskIoFile(std::move(fd), false);
  ASSIGN_OR_RETURN(const bool works, TryDirect(fd.get(), block_bytes));
  if (!works && direct == true) {
    return absl::FailedPreconditionError(
        StrCat("the file system cannot pass the page cache by in blocks of ", block_bytes,
               " bytes; leave out direct, or take larger blocks"));
  }
  return DiskIoFile(std::move(fd), works);
}

Status DiskIoFile::LayOut(uint64_t bytes, bool sequential) const {
  ASSIGN_OR_RETURN(DiskBuffer buffer, DiskBuffer::Create(kLayOutBytes));
  for (uint64_t at = 0; at < bytes;) {
    buffer.Refresh();
    const auto size = static_cast<size_t>(std::min<uint64_t>(buffer.size(), bytes - at));
    const WriteResult result = WriteAt(fd_.get(), buffer.data(), size, at);
    at += result.bytes;
    if (result.error != 0) return WriteError(result.error, "lay out the file", at, bytes);
  }
  if (fdatasync(fd_.get()) != 0) return ErrnoStatus(errno, "lay out the file: sync");
  // Buffered reads would all be answered from the cache; as it is, they come to the disk until the
  // file is cached, if memory is enough for that. Buffered writes reach the disk whenever the
  // kernel writes them back.
  (void)posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
  (void)posix_fadvise(fd_.get(), 0, 0, sequential ? POSIX_FADV_SEQUENTIAL : POSIX_FADV_RANDOM);
  return absl::OkStatus();
}

}  // namespace faultd

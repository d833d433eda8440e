#include "stress/memory_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/strings.h"
#include "stress/memory_content.h"

namespace faultd {
namespace {

StatusOr<UniqueFd> MakeFile(size_t bytes) {
  UniqueFd file(memfd_create("faultd-stress", MFD_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "make a file in memory");
  if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
    return ErrnoStatus(errno, StrCat("make a file in memory of ", bytes, " bytes"));
  return file;
}

}  // namespace

StatusOr<MemoryRegion> MemoryRegion::Map(uint64_t bytes, bool page_cache) {
  MemoryRegion region;
  const size_t size = (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
  const std::string attempt = StrCat("map ", bytes, " bytes");
  // A little more, as huge pages need an address that is a multiple of theirs.
  const size_t room = size + kChunkBytes;
  if (room < bytes) return ErrnoStatus(ENOMEM, attempt);
  void* reserved =
      mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return ErrnoStatus(errno, attempt);
  auto* const begin = static_cast<std::byte*>(reserved);
  std::byte* const end = begin + room;
  region.base_ = begin + (-reinterpret_cast<uintptr_t>(begin) & (kChunkBytes - 1));
  region.bytes_ = size;
  // The parts beside it go, lest the last chunk grow into them.
  if (region.base_ > begin) munmap(begin, static_cast<size_t>(region.base_ - begin));
  if (end > region.base_ + size) {
    std::byte* const tail = region.base_ + size;
    munmap(tail, static_cast<size_t>(end - tail));
  }
  int flags = MAP_FIXED | MAP_NORESERVE | MAP_PRIVATE | MAP_ANONYMOUS;
  if (page_cache) {
    ASSIGN_OR_RETURN(region.file_, MakeFile(size));
    flags = MAP_FIXED | MAP_NORESERVE | MAP_SHARED;
  }
  if (mmap(region.base_, size, PROT_READ | PROT_WRITE, flags, region.file_.get(), 0) == MAP_FAILED)
    return ErrnoStatus(errno, attempt);
  // Once, before there are threads: later it would hold up their faults.
  (void)madvise(region.base_, size, MADV_HUGEPAGE);
  region.Lock(region.base_, size);
  return region;
}

MemoryRegion::MemoryRegion(MemoryRegion&& other) noexcept
    : file_(std::move(other.file_)),
      base_(std::exchange(other.base_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

MemoryRegion::~MemoryRegion() {
  if (base_ != nullptr) munmap(base_, bytes_);
}

size_t MemoryRegion::ChunkBytes(size_t chunk) const {
  return std::min(kChunkBytes, bytes_ - chunk * kChunkBytes);
}

void MemoryRegion::Populate(size_t chunk) const {
  // Half the time that single faults take where there are no huge pages. Kernels before 5.14 do not
  // have it; then whoever writes to the pages makes them resident.
  (void)madvise(ChunkAt(chunk), ChunkBytes(chunk), MADV_POPULATE_WRITE);
}

Status MemoryRegion::Release(size_t begin, size_t end) const {
  std::byte* const from = ChunkAt(begin);
  const size_t length = std::min(end * kChunkBytes, bytes_) - begin * kChunkBytes;
  const std::string attempt = StrCat("give back ", length, " bytes");
  if (file_.valid()) {
    if (fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from - base_,
                  static_cast<off_t>(length)) != 0) {
      return ErrnoStatus(errno, attempt);
    }
    return absl::OkStatus();
  }
  if (madvise(from, length, MADV_DONTNEED_LOCKED) == 0) return absl::OkStatus();
  // Kernels before 5.18 give back only what is not locked.
  (void)munlock(from, length);
  if (madvise(from, length, MADV_DONTNEED) != 0) return ErrnoStatus(errno, attempt);
  Lock(from, length);
  return absl::OkStatus();
}

void MemoryRegion::Lock(std::byte* from, size_t length) const {
  (void)mlock2(from, length, MLOCK_ONFAULT);
}

}  // namespace faultd

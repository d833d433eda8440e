#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "base/unique_fd.h"

namespace faultd {

// Address space for memory that can be made resident and given back chunk by chunk: anonymous, or
// of a file in memory. Gives all back when it is destroyed.
class MemoryRegion {
 public:
  // A huge page where the processor has those of 2 MiB.
  static constexpr size_t kChunkBytes = 2 << 20;

  // Nothing is resident at first.
  static StatusOr<MemoryRegion> Map(uint64_t bytes, bool page_cache);
  MemoryRegion(MemoryRegion&& other) noexcept;
  MemoryRegion& operator=(MemoryRegion&&) = delete;
  ~MemoryRegion();

  size_t bytes() const { return bytes_; }
  size_t chunks() const { return (bytes_ + kChunkBytes - 1) / kChunkBytes; }
  std::byte* ChunkAt(size_t chunk) const { return base_ + chunk * kChunkBytes; }
  // The last chunk may be shorter.
  size_t ChunkBytes(size_t chunk) const;

  // Makes a chunk resident, as far as memory goes; its pages are zeros if they were not resident.
  void Populate(size_t chunk) const;
  // Gives back chunks [begin, end).
  Status Release(size_t begin, size_t end) const;

 private:
  MemoryRegion() = default;
  // Best effort: what cannot be locked may be swapped out.
  void Lock(std::byte* from, size_t length) const;

  UniqueFd file_;  // if of the page cache
  std::byte* base_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace faultd

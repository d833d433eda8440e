#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>

#include "base/status.h"

namespace faultd {

// Memory to write from and to read into, fit for direct I/O. Its content is random, so that a file
// system that compresses saves nothing.
class DiskBuffer {
 public:
  static StatusOr<DiskBuffer> Create(size_t bytes);
  DiskBuffer(DiskBuffer&& other) noexcept;
  DiskBuffer& operator=(DiskBuffer&& other) noexcept;
  ~DiskBuffer();

  char* data() { return data_; }
  size_t size() const { return size_; }
  // Makes each 4 KiB unlike anything that was written before, so that a file system that
  // deduplicates saves nothing either. Costs next to nothing.
  void Refresh();

 private:
  DiskBuffer(char* data, size_t size);
  void Release();

  char* data_ = nullptr;
  size_t size_ = 0;
  std::mt19937_64 random_{std::random_device{}()};
};

// What one call or several have written: less than asked for if there was an error.
struct WriteResult {
  size_t bytes = 0;
  int error = 0;  // errno
};
WriteResult WriteAt(int fd, const char* data, size_t size, uint64_t offset);

// Switches O_DIRECT; false where the file system refuses it.
bool SetDirect(int fd, bool direct);

// The error of a write that ended early, after `done` of `wanted` bytes: running out of space or
// quota is said in words of its own.
Status WriteError(int error, std::string_view attempt, uint64_t done, uint64_t wanted);

}  // namespace faultd

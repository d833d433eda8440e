#include "stress/disk_buffer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace faultd {
namespace {

constexpr size_t kUnit = 4096;  // file systems look for duplicates in blocks of at least this

}  // namespace

DiskBuffer::DiskBuffer(char* data, size_t size) : data_(data), size_(size) {
  for (size_t at = 0; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
    const uint64_t word = random_();
    memcpy(data_ + at, &word, sizeof(word));
  }
}

StatusOr<DiskBuffer> DiskBuffer::Create(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return ErrnoStatus(errno, StrCat("get a buffer of ", bytes, " bytes"));
  return DiskBuffer(static_cast<char*>(memory), bytes);
}

DiskBuffer::DiskBuffer(DiskBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(other.size_), random_(other.random_) {}

DiskBuffer& DiskBuffer::operator=(DiskBuffer&& other) noexcept {
  if (this != &other) {
    Release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = other.size_;
    random_ = other.random_;
  }
  return *this;
}

DiskBuffer::~DiskBuffer() { Release(); }

void DiskBuffer::Release() {
  if (data_ != nullptr) munmap(data_, size_);
}

void DiskBuffer::Refresh() {
  for (size_t at = 0; at < size_; at += kUnit) {
    const uint64_t word = random_();
    memcpy(data_ + at, &word, sizeof(word));
  }
}

WriteResult WriteAt(int fd, const char* data, size_t size, uint64_t offset) {
  WriteResult result;
  while (result.bytes < size) {
    const ssize_t count = pwrite(fd, data + result.bytes, size - result.bytes,
                                 static_cast<off_t>(offset + result.bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      result.error = count < 0 ? errno : EIO;
      break;
    }
    result.bytes += static_cast<size_t>(count);
  }
  return result;
}

bool SetDirect(int fd, bool direct) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

Status WriteError(int error, std::string_view attempt, uint64_t done, uint64_t wanted) {
  const std::string how_far = StrCat(" after ", done, " of ", wanted, " bytes");
  if (error == ENOSPC)
    return absl::ResourceExhaustedError(StrCat(attempt, ": no space left", how_far));
  if (error == EDQUOT) {
    return absl::ResourceExhaustedError(
        StrCat(attempt, ": disk quota exceeded", how_far,
               " (a quota of the user or of the directory's project)"));
  }
  return ErrnoStatus(error, StrCat(attempt, how_far));
}

}  // namespace faultd

#include "stress/disk_fill_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"

namespace faultd {
namespace {

constexpr uint64_t kLargestStep = 1 << 30;
constexpr uint64_t kSmallestStep = 1024;  // the smallest block of a file system
constexpr uint64_t kSyncBytes = 64 << 20;

uint64_t Half(uint64_t bytes) {
  return std::max(kSmallestStep, bytes / 2 / kSmallestStep * kSmallestStep);
}

bool IsDirect(int fd) { return (fcntl(fd, F_GETFL) & O_DIRECT) != 0; }

}  // namespace

Status ByteFill::AddFile(bool direct) {
  ASSIGN_OR_RETURN(UniqueFd fd, place_.CreateNamelessFile());
  if (direct) (void)SetDirect(fd.get(), true);
  files_.push_back({std::move(fd), 0});
  return absl::OkStatus();
}

StatusOr<uint64_t> ByteFill::NextBytes(uint64_t most) {
  if (full_) return 0;
  const uint64_t next = std::min(most, goal_.bytes - bytes_);
  if (goal_.keep_free_bytes == 0) return next;
  ASSIGN_OR_RETURN(const FileSystemFacts facts, place_.Facts());
  const uint64_t spare = facts.free_bytes - std::min(facts.free_bytes, goal_.keep_free_bytes);
  if (spare >= next) return next;
  if (spare < kSmallestStep) {
    full_ = true;
    withheld_ = goal_.bytes - bytes_;
    return 0;
  }
  return spare / kSmallestStep * kSmallestStep;
}

void ByteFill::Grow(uint64_t bytes) {
  files_.back().bytes += bytes;
  bytes_ += bytes;
}

Status ByteFill::Error(int error) const {
  return WriteError(error, StrCat("fill ", place_.path()), bytes_, goal_.bytes);
}

Status ByteFill::Allocate() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(AddFile(/*direct=*/false));
  uint64_t step = kLargestStep;
  for (;;) {
    ASSIGN_OR_RETURN(const uint64_t bytes, NextBytes(step));
    if (bytes == 0) return absl::OkStatus();
    const File& file = files_.back();
    if (fallocate(file.fd.get(), 0, static_cast<off_t>(file.bytes), static_cast<off_t>(bytes)) ==
        0) {
      Grow(bytes);
      continue;
    }
    const int error = errno;
    if (error == EINTR) continue;
    if (error == EOPNOTSUPP) {
      files_.clear();
      return ErrnoStatus(error, StrCat("fill ", place_.path(), ": allocate"));
    }
    if (error != ENOSPC && error != EDQUOT && error != EFBIG) return Error(error);
    if (bytes > kSmallestStep) {
      step = Half(bytes);
    } else if (error == EFBIG && file.bytes > 0) {
      RETURN_IF_ERROR(AddFile(/*direct=*/false));
      step = kLargestStep;
    } else if (error == ENOSPC && goal_.full_is_enough) {
      full_ = true;
    } else {
      return Error(error);
    }
  }
}

Status ByteFill::Write() {
  ASSIGN_OR_RETURN(DiskBuffer buffer, DiskBuffer::Create(kLargestWrite));
  for (;;) {
    buffer.Refresh();
    ASSIGN_OR_RETURN(const bool more, WriteSome(buffer));
    if (!more) return absl::OkStatus();
  }
}

StatusOr<bool> ByteFill::WriteSome(DiskBuffer& buffer) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const uint64_t bytes, NextBytes(write_step_));
  if (bytes == 0) {
    if (!files_.empty()) RETURN_IF_ERROR(Flush(files_.back()));
    return false;
  }
  if (files_.empty()) RETURN_IF_ERROR(AddFile(/*direct=*/true));
  const File& file = files_.back();
  const WriteResult result = WriteAt(file.fd.get(), buffer.data(), bytes, file.bytes);
  Grow(result.bytes);
  unsynced_ += result.bytes;
  switch (result.error) {
    case 0:
      break;
    case EINVAL:
      // Direct I/O that is not possible after all, or not for the odd bytes at the end.
      if (!IsDirect(file.fd.get()) || !SetDirect(file.fd.get(), false)) return Error(result.error);
      break;
    case EFBIG:
      if (file.bytes == 0) return Error(result.error);
      RETURN_IF_ERROR(Flush(file));
      RETURN_IF_ERROR(AddFile(/*direct=*/true));
      break;
    case ENOSPC:
      // There may be room for less.
      if (bytes > kSmallestStep) {
        write_step_ = Half(bytes);
        break;
      }
      if (!goal_.full_is_enough) return Error(result.error);
      full_ = true;
      break;
    default:
      return Error(result.error);
  }
  if (unsynced_ >= kSyncBytes) {
    RETURN_IF_ERROR(Flush(files_.back()));
    unsynced_ = 0;
  }
  return true;
}

// What went through the page cache is on disk only now: a server may say only now that it has no
// room. The cache is left to others.
Status ByteFill::Flush(const File& file) const {
  if (IsDirect(file.fd.get())) return absl::OkStatus();
  if (fdatasync(file.fd.get()) != 0 && !(errno == ENOSPC && goal_.full_is_enough))
    return Error(errno);
  (void)posix_fadvise(file.fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  return absl::OkStatus();
}

Status ByteFill::KeepFree() {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const FileSystemFacts facts, place_.Facts());
  if (facts.free_bytes >= goal_.keep_free_bytes) return absl::OkStatus();
  uint64_t left = std::min<uint64_t>(bytes_, 2 * (goal_.keep_free_bytes - facts.free_bytes));
  while (left > 0) {
    File& file = files_.back();
    const uint64_t bytes = std::min(left, file.bytes);
    if (ftruncate(file.fd.get(), static_cast<off_t>(file.bytes - bytes)) != 0)
      return ErrnoStatus(errno, StrCat("give back ", bytes, " bytes in ", place_.path()));
    file.bytes -= bytes;
    bytes_ -= bytes;
    left -= bytes;
    if (file.bytes == 0 && files_.size() > 1) files_.pop_back();
  }
  full_ = true;
  withheld_ = goal_.bytes - bytes_;
  return absl::OkStatus();
}

}  // namespace faultd

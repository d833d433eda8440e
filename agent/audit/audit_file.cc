#include "audit/audit_file.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "audit/read.h"
#include "base/file_io.h"
#include "base/strings.h"

namespace faultd {
namespace {

// Longer than any line.
constexpr size_t kTail = 1 << 20;

// Appended, or for the head written over; root's own.
StatusOr<UniqueFd> OpenFile(const std::string& path, int flags) {
  UniqueFd fd(
      open(path.c_str(), flags | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
  struct stat found{};
  if (!fd.valid() || fstat(fd.get(), &found) != 0) return ErrnoStatus(errno, StrCat("open ", path));
  if (!S_ISREG(found.st_mode) || found.st_nlink != 1)
    return absl::FailedPreconditionError(StrCat("open ", path, ": is not a plain file; remove it"));
  return fd;
}

// What the log says of itself.
AuditEntry Note(const AuditEntry& occasion, const std::string& what) {
  return {.time = occasion.time,
          .actor = "faultd",
          .method = "AuditLog",
          .rule = "own",
          .result = absl::DataLossError(what)};
}

// The place of the last line that is one; genesis when there is none.
ChainLink LastLink(std::string_view content) {
  while (!content.empty()) {
    content.remove_suffix(1);
    const size_t begin = content.rfind('\n') + 1;
    if (const auto line = ParseLine(content.substr(begin)); line.ok()) return line->link;
    content = content.substr(0, begin);
  }
  return {};
}

}  // namespace

StatusOr<std::string> AuditFile::Append(const AuditEntry& entry) {
  if (!fd_.valid() || !IsSame()) {
    fd_.Reset();
    RETURN_IF_ERROR(Open());
  }
  while (!notes_.empty()) {
    RETURN_IF_ERROR(Write(Note(entry, notes_.front())).status());
    notes_.erase(notes_.begin());
  }
  return Write(entry);
}

Status AuditFile::Sync() {
  if (!fd_.valid() || fdatasync(fd_.get()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, StrCat("sync ", place_.path()));
}

void AuditFile::Close() {
  fd_.Reset();
  head_fd_.Reset();
}

Status AuditFile::Open() {
  if (mkdir(place_.directory.c_str(), 0700) != 0 && errno != EEXIST)
    return ErrnoStatus(errno, StrCat("make directory ", place_.directory));
  ASSIGN_OR_RETURN(head_fd_, OpenFile(HeadFile(place_.path()), O_RDWR));
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(place_.path(), O_RDWR | O_APPEND));
  struct stat found{};
  if (fstat(fd.get(), &found) != 0) return ErrnoStatus(errno, StrCat("look at ", place_.path()));
  const auto size = static_cast<uint64_t>(found.st_size);
  const uint64_t begin = size - std::min<uint64_t>(size, kTail);
  if (lseek(fd.get(), static_cast<off_t>(begin), SEEK_SET) < 0)
    return ErrnoStatus(errno, StrCat("seek in ", place_.path()));
  ASSIGN_OR_RETURN(std::string tail, ReadAll(fd.get(), 2 * kTail, place_.path()));
  fd_ = std::move(fd);
  size_ = begin + tail.size();
  RETURN_IF_ERROR(CutTornLine(tail));
  FindEnd(tail);
  return absl::OkStatus();
}

Status AuditFile::CutTornLine(std::string& tail) {
  constexpr size_t kLongestPiece = 512;
  const size_t whole = tail.rfind('\n') + 1;
  if (whole == tail.size()) return absl::OkStatus();
  const uint64_t end = size_ - (tail.size() - whole);
  if (ftruncate(fd_.get(), static_cast<off_t>(end)) != 0) {
    const int error = errno;
    fd_.Reset();
    return ErrnoStatus(error, StrCat("cut the torn line off ", place_.path()));
  }
  notes_.push_back(StrCat("the last line was torn by a crash; this was there of it: ",
                          tail.substr(whole, kLongestPiece)));
  size_ = end;
  tail.resize(whole);
  return absl::OkStatus();
}

// The head is written after the line, so it may be one line behind.
void AuditFile::FindEnd(const std::string& tail) {
  ChainLink last = LastLink(tail);
  if (last.seq == 0) {
    if (const auto older = ReadAuditFile(OlderFile(place_.path(), 1)); older.ok())
      last = LastLink(*older);
  }
  StatusOr<std::string> text = ReadAll(head_fd_.get(), 4096, HeadFile(place_.path()));
  const auto head = text.ok() ? ParseHead(*text) : text.status();
  if (head.ok() && head->last.seq >= last.seq) {
    if (head->last != last) {
      notes_.push_back(StrCat("line ", head->last.seq,
                              ", the last that was written, was not found as it was; lines are "
                              "changed or missing"));
    }
    head_ = *head;
    return;
  }
  if (!head.ok() && last.seq > 0)
    notes_.push_back(StrCat(HeadFile(place_.path()), " was not found as it was"));
  head_ = {.first = head.ok() ? head->first : OldestSeq(), .last = last};
}

StatusOr<std::string> AuditFile::Write(const AuditEntry& entry) {
  ChainLink last = head_.last;
  std::string line = MakeLine(entry, last);
  if (size_ > 0 && size_ + line.size() + 1 > place_.max_size) RETURN_IF_ERROR(Rotate());
  if (Status written = WriteAll(fd_.get(), line + "\n", place_.path()); !written.ok()) {
    // What is there of it would be taken for a torn line.
    if (ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) fd_.Reset();
    return written;
  }
  size_ += line.size() + 1;
  head_.last = last;
  WriteHead();
  return line;
}

Status AuditFile::Rotate() {
  const std::string path = place_.path();
  // The first number that is free, or will be.
  int kept = 1;
  while (kept < place_.keep && access(OlderFile(path, kept).c_str(), F_OK) == 0) ++kept;
  bool dropped = false;
  // More than one when more were kept before.
  for (int surplus = place_.keep; unlink(OlderFile(path, surplus).c_str()) == 0; ++surplus)
    dropped = true;
  for (int number = kept - 1; number >= 1; --number) {
    if (rename(OlderFile(path, number).c_str(), OlderFile(path, number + 1).c_str()) != 0)
      return ErrnoStatus(errno, StrCat("rename ", OlderFile(path, number)));
  }
  if (rename(path.c_str(), OlderFile(path, 1).c_str()) != 0)
    return ErrnoStatus(errno, StrCat("rename ", path));
  fd_.Reset();
  if (dropped) head_.first = OldestSeq();
  ASSIGN_OR_RETURN(fd_, OpenFile(path, O_RDWR | O_APPEND));
  size_ = 0;
  return absl::OkStatus();
}

uint64_t AuditFile::OldestSeq() const {
  const auto older = OlderFiles(place_.path());
  const bool any = older.ok() && !older->empty();
  const auto content =
      ReadAuditFile(any ? OlderFile(place_.path(), older->front()) : place_.path());
  const auto line = content.ok()
                        ? ParseLine(std::string_view(*content).substr(0, content->find('\n')))
                        : content.status();
  return line.ok() ? line->link.seq : 1;
}

// Nobody else has written to it, or put another file in its place.
bool AuditFile::IsSame() const {
  struct stat open{};
  struct stat named{};
  return fstat(fd_.get(), &open) == 0 && lstat(place_.path().c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino &&
         static_cast<uint64_t>(open.st_size) == size_;
}

// Never shorter than before, so writing over it is enough.
void AuditFile::WriteHead() {
  const std::string text = FormatHead(head_);
  if (pwrite(head_fd_.get(), text.data(), text.size(), 0) < 0)
    spdlog::warn("audit: write {}: {}", HeadFile(place_.path()), strerror(errno));
}

}  // namespace faultd

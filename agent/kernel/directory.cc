#include "kernel/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/file_io.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace faultd {
namespace {

constexpr std::string_view kTemporary = ".tmp-";
constexpr size_t kLargestFile = 16 << 20;

bool IsHalfWritten(const std::string& name) { return name.starts_with(kTemporary); }

// Names of all entries but "." and "..", sorted.
StatusOr<std::vector<std::string>> ListEntries(const std::string& path, const UniqueFd& directory) {
  // A descriptor of its own: the position in the listing belongs to the open file.
  UniqueFd fd(openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* stream = fd.valid() ? fdopendir(fd.get()) : nullptr;
  if (stream == nullptr) return ErrnoStatus(errno, StrCat("list ", path));
  fd.Release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int error = errno;
  closedir(stream);
  if (error != 0) return ErrnoStatus(error, StrCat("list ", path));
  std::sort(names.begin(), names.end());
  return names;
}

StatusOr<UniqueFd> OpenDirectoryFd(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open directory ", path));
  return fd;
}

// Whoever else may write here could have us revert what we never did.
Status KeepToOurselves(const UniqueFd& directory, const std::string& path) {
  struct stat found{};
  if (fstat(directory.get(), &found) != 0) return ErrnoStatus(errno, StrCat("look at ", path));
  if (found.st_uid != geteuid()) {
    return absl::PermissionDeniedError(
        StrCat(path, " belongs to user ", found.st_uid, " instead of ", geteuid(),
               "; look who made it, and move it away or give it back with chown"));
  }
  constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
  if ((found.st_mode & kOthersWrite) == 0) return absl::OkStatus();
  // To give up here would leave faults that are to be reverted.
  if (fchmod(directory.get(), found.st_mode & 07777 & ~kOthersWrite) != 0)
    return ErrnoStatus(errno, StrCat("let nobody else write to ", path));
  spdlog::warn("others could write to {}: not any more", path);
  return absl::OkStatus();
}

Status IsFileOfOurs(const UniqueFd& fd, const std::string& path) {
  struct stat found{};
  if (fstat(fd.get(), &found) != 0) return ErrnoStatus(errno, StrCat("look at ", path));
  if (S_ISREG(found.st_mode) && found.st_uid == geteuid()) return absl::OkStatus();
  return absl::DataLossError(
      StrCat(path, " is not a regular file of user ", geteuid(), ", so it is not believed"));
}

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  StatusOr<std::vector<std::string>> List() override {
    ASSIGN_OR_RETURN(std::vector<std::string> names, ListEntries(path_, fd_));
    std::erase_if(names, IsHalfWritten);
    return names;
  }

  StatusOr<std::string> Read(const std::string& name) override {
    UniqueFd fd(openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid()) return Error("open", name);
    const std::string path = StrCat(path_, "/", name);
    RETURN_IF_ERROR(IsFileOfOurs(fd, path));
    return ReadAll(fd.get(), kLargestFile, path);
  }

  Status Write(const std::string& name, std::string_view content) override {
    const std::string temporary = StrCat(kTemporary, name);
    Status status = WriteSynced(temporary, content);
    if (status.ok() && renameat(fd_.get(), temporary.c_str(), fd_.get(), name.c_str()) != 0) {
      status = Error("rename", temporary);
    }
    if (!status.ok()) {
      unlinkat(fd_.get(), temporary.c_str(), 0);
      return status;
    }
    return Sync();
  }

  Status Remove(const std::string& name) override {
    if (unlinkat(fd_.get(), name.c_str(), 0) == 0 || errno == ENOENT) return absl::OkStatus();
    const Status error = Error("remove", name);
    // A read-only file system refuses to remove even what is not there.
    struct stat found{};
    const bool there = fstatat(fd_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
    return !there && errno == ENOENT ? absl::OkStatus() : error;
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()) != 0) return Error("rename", from);
    return Sync();
  }

  Status Sync() override { return fsync(fd_.get()) == 0 ? absl::OkStatus() : Error("sync", "."); }

 private:
  Status WriteSynced(const std::string& name, std::string_view content) {
    unlinkat(fd_.get(), name.c_str(), 0);  // whatever it is, it is not written to
    UniqueFd fd(openat(fd_.get(), name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) return Error("create", name);
    RETURN_IF_ERROR(WriteAll(fd.get(), content, StrCat(path_, "/", name)));
    return fdatasync(fd.get()) == 0 ? absl::OkStatus() : Error("sync", name);
  }

  Status Error(std::string_view attempt, std::string_view name) const {
    return ErrnoStatus(errno, StrCat(attempt, " ", path_, "/", name));
  }

  const std::string path_;
  const UniqueFd fd_;
};

}  // namespace

StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, StrCat("make directory ", path));
  }
  ASSIGN_OR_RETURN(UniqueFd fd, OpenDirectoryFd(path));
  RETURN_IF_ERROR(KeepToOurselves(fd, path));
  return std::make_unique<PosixDirectory>(path, std::move(fd));
}

Status RemoveHalfWritten(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenDirectoryFd(path));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListEntries(path, fd));
  Status status;
  for (const std::string& name : names) {
    if (IsHalfWritten(name) && unlinkat(fd.get(), name.c_str(), 0) != 0) {
      MergeStatus(status, ErrnoStatus(errno, StrCat("remove ", path, "/", name)));
    }
  }
  return status;
}

}  // namespace faultd

#include "kernel/tagged_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "kernel/file_system.h"

namespace faultd {
namespace {

constexpr int kBatch = 300;

using DirectoryStream = std::unique_ptr<DIR, int (*)(DIR*)>;

UniqueFd OpenDirectory(int at, const char* name, uint64_t resolve) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = resolve;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, at, name, &how, sizeof(how))));
}

// Removes what is in a directory until the batch is used up. True when it is empty.
StatusOr<bool> Empty(UniqueFd fd, const std::string& path, int& left) {
  const int number = fd.Release();
  const DirectoryStream stream(fdopendir(number), closedir);
  if (stream == nullptr) {
    const int error = errno;
    close(number);
    return ErrnoStatus(error, StrCat("read ", path));
  }
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (left-- <= 0) return false;
    const std::string inner = StrCat(path, "/", name);
    if (unlinkat(dirfd(stream.get()), name.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR) return ErrnoStatus(errno, StrCat("remove ", inner));
    UniqueFd directory = OpenDirectory(dirfd(stream.get()), name.c_str(),
                                       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
    if (!directory.valid()) return ErrnoStatus(errno, StrCat("open ", inner));
    ASSIGN_OR_RETURN(const bool empty, Empty(std::move(directory), inner, left));
    if (!empty) return false;
    if (unlinkat(dirfd(stream.get()), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
      return ErrnoStatus(errno, StrCat("remove ", inner));
    errno = 0;
  }
  return true;
}

// The record of these files may be on another file system: without this, a loss of power could
// bring the files back and not the record. EINVAL: a file system that cannot sync a directory.
StatusOr<bool> IsGoneForGood(const UniqueFd& parent, const std::string& parent_path) {
  if (fsync(parent.get()) == 0 || errno == EINVAL) return true;
  return ErrnoStatus(errno, StrCat("sync ", parent_path));
}

// What is on a file system that is not mounted now comes back with it.
Status CheckMounted(const std::string& path, const std::string& mount_point) {
  if (mount_point.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string found, MountPointOf(path));
  if (found == mount_point) return absl::OkStatus();
  return PreconditionError(
      "MOUNT", mount_point,
      StrCat("no file system is mounted at ", mount_point, " any more, and ", path,
             " may be on it: mount it, or remove the fault's record if it will not come back"));
}

}  // namespace

StatusOr<bool> RemoveTaggedDirectory(const std::string& path, const std::string& mount_point) {
  // Before and after, so that one that is mounted meanwhile is not taken for the one looked at.
  const Status mounted = CheckMounted(path, mount_point);
  const auto is_missing = [&]() -> StatusOr<bool> {
    RETURN_IF_ERROR(mounted);
    RETURN_IF_ERROR(CheckMounted(path, mount_point));
    return true;
  };
  const size_t slash = path.rfind('/');
  const std::string parent_path = slash == 0 ? "/" : path.substr(0, slash);
  const std::string name = path.substr(slash + 1);
  const UniqueFd parent = OpenDirectory(AT_FDCWD, parent_path.c_str(), RESOLVE_NO_SYMLINKS);
  if (!parent.valid() && (errno == ENOENT || errno == ENOTDIR)) return is_missing();
  if (!parent.valid()) return ErrnoStatus(errno, StrCat("open ", parent_path));
  UniqueFd directory = OpenDirectory(parent.get(), name.c_str(),
                                     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
  // Perhaps removed a moment ago, by a process that was killed then.
  if (!directory.valid() && errno == ENOENT) {
    RETURN_IF_ERROR(is_missing().status());
    return IsGoneForGood(parent, parent_path);
  }
  if (!directory.valid()) return ErrnoStatus(errno, StrCat("open ", path));
  struct stat info{};
  if (fstat(directory.get(), &info) != 0) return ErrnoStatus(errno, StrCat("read ", path));
  if (info.st_uid != geteuid())
    return absl::FailedPreconditionError(StrCat(path, " belongs to user ", info.st_uid));
  int left = kBatch;
  ASSIGN_OR_RETURN(const bool empty, Empty(std::move(directory), path, left));
  if (!empty) return false;
  if (unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return ErrnoStatus(errno, StrCat("remove ", path));
  return IsGoneForGood(parent, parent_path);
}

}  // namespace faultd

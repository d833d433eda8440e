#include "stress/disk_place.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace faultd {

StatusOr<DiskPlace> DiskPlace::Open(const std::string& directory) {
  const size_t slash = directory.rfind('/');
  if (slash == std::string::npos || slash + 1 == directory.size())
    return absl::InvalidArgumentError(StrCat("\"", directory, "\" is no absolute path"));
  std::string path = slash == 0 ? "/" : directory.substr(0, slash);
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  UniqueFd parent(
      static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how))));
  if (!parent.valid()) return ErrnoStatus(errno, StrCat("open ", path));
  return DiskPlace(std::move(parent), std::move(path), directory.substr(slash + 1));
}

StatusOr<UniqueFd> DiskPlace::CreateNamelessFile() const {
  // O_EXCL: nobody can give it a name later on.
  UniqueFd file(openat(parent_.get(), ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600));
  if (file.valid()) return file;
  // EISDIR: the kernel does not know O_TMPFILE at all (open(2)).
  if (errno == EOPNOTSUPP || errno == EISDIR) return CreateAndUnlink();
  return ErrnoStatus(errno, StrCat("create a file in ", path_));
}

StatusOr<UniqueFd> DiskPlace::CreateAndUnlink() const {
  ASSIGN_OR_RETURN(const UniqueFd directory, MakeDirectory());
  UniqueFd file(
      openat(directory.get(), "bytes", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  const int create_error = errno;
  if (file.valid() && unlinkat(directory.get(), "bytes", 0) != 0)
    return ErrnoStatus(errno, StrCat("unlink ", path_, "/", name_, "/bytes"));
  // NFS keeps the file under another name until it is closed, and so the directory: revert removes
  // both.
  (void)unlinkat(parent_.get(), name_.c_str(), AT_REMOVEDIR);
  if (!file.valid())
    return ErrnoStatus(create_error, StrCat("create ", path_, "/", name_, "/bytes"));
  return file;
}

StatusOr<UniqueFd> DiskPlace::MakeDirectory() const {
  if (mkdirat(parent_.get(), name_.c_str(), 0700) != 0)
    return ErrnoStatus(errno, StrCat("make directory ", path_, "/", name_));
  UniqueFd directory(
      openat(parent_.get(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return ErrnoStatus(errno, StrCat("open ", path_, "/", name_));
  return directory;
}

StatusOr<FileSystemFacts> DiskPlace::Facts() const {
  return ReadFileSystemOf(StrCat("/proc/self/fd/", parent_.get()));
}

}  // namespace faultd

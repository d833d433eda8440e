#include "kernel/directory.h"

#include <dirent.h>
#include <fcntl.h>
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

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  StatusOr<std::vector<std::string>> List() override {
    UniqueFd fd(openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return Error("open", ".");
    DIR* stream = fdopendir(fd.get());
    if (stream == nullptr) return Error("list", ".");
    fd.Release();
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name.starts_with(kTemporary)) {
        unlinkat(fd_.get(), entry->d_name, 0);  // a write that did not get to its rename
      } else if (name != "." && name != "..") {
        names.emplace_back(name);
      }
      errno = 0;
    }
    const int error = errno;
    closedir(stream);
    if (error != 0) return ErrnoStatus(error, StrCat("list ", path_));
    std::sort(names.begin(), names.end());
    return names;
  }

  StatusOr<std::string> Read(const std::string& name) override {
    UniqueFd fd(openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid()) return Error("open", name);
    return ReadAll(fd.get(), kLargestFile, StrCat(path_, "/", name));
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
    if (unlinkat(fd_.get(), name.c_str(), 0) != 0) {
      return errno == ENOENT ? absl::OkStatus() : Error("remove", name);
    }
    return Sync();
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()) != 0) return Error("rename", from);
    return Sync();
  }

 private:
  Status WriteSynced(const std::string& name, std::string_view content) {
    UniqueFd fd(openat(fd_.get(), name.c_str(),
                       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid()) return Error("create", name);
    RETURN_IF_ERROR(WriteAll(fd.get(), content, StrCat(path_, "/", name)));
    return fdatasync(fd.get()) == 0 ? absl::OkStatus() : Error("sync", name);
  }

  Status Sync() { return fsync(fd_.get()) == 0 ? absl::OkStatus() : Error("sync", "."); }

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
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open directory ", path));
  return std::make_unique<PosixDirectory>(path, std::move(fd));
}

}  // namespace faultd

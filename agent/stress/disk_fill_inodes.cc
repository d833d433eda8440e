#include "stress/disk_fill_inodes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/strings.h"

namespace faultd {
namespace {

// Directories that stay small are quick to add to and to remove.
constexpr int kFilesPerDirectory = 1000;

}  // namespace

StatusOr<std::shared_ptr<InodeFill>> InodeFill::Open(DiskPlace place, uint64_t inodes) {
  ASSIGN_OR_RETURN(UniqueFd top, place.MakeDirectory());
  return std::shared_ptr<InodeFill>(new InodeFill(std::move(place), std::move(top), inodes));
}

Status InodeFill::Create() {
  UniqueFd directory;
  int files = kFilesPerDirectory;
  uint64_t directories = 0;
  while (inodes_ < wanted_) {
    if (files == kFilesPerDirectory) {
      const std::string name = StrCat(directories++);
      if (mkdirat(top_.get(), name.c_str(), 0700) != 0) return Error(errno, "make a directory");
      ++inodes_;
      directory.Reset(
          openat(top_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!directory.valid()) return Error(errno, "open a directory");
      files = 0;
    } else {
      if (mknodat(directory.get(), StrCat(files++).c_str(), S_IFREG | 0600, 0) != 0)
        return Error(errno, "create a file");
      ++inodes_;
    }
  }
  return absl::OkStatus();
}

Status InodeFill::Error(int error, std::string_view what) const {
  const std::string attempt = StrCat("use up inodes in ", place_.path(), ": ", what, ", after ",
                                     inodes_.load(), " of ", wanted_, " inodes");
  if (error != ENOSPC) return ErrnoStatus(error, attempt);
  ASSIGN_OR_RETURN(const FileSystemFacts facts, place_.Facts());
  if (facts.free_inodes == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(StrCat(attempt, ": no space left for directories, while ",
                                             facts.free_inodes, " inodes are free"));
}

}  // namespace faultd

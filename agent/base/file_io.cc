#include "base/file_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "base/unique_fd.h"

namespace faultd {

StatusOr<std::string> ReadSmallFile(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open ", path));
  ASSIGN_OR_RETURN(std::string content, ReadAll(fd.get(), 1 << 20, path));
  absl::StripTrailingAsciiWhitespace(&content);
  return content;
}

Status WriteAll(int fd, std::string_view data, std::string_view name) {
  while (!data.empty()) {
    const ssize_t written = write(fd, data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, StrCat("write ", name));
    }
    data.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

StatusOr<std::string> ReadAll(int fd, size_t limit, std::string_view name) {
  std::string content;
  char buffer[4096];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, StrCat("read ", name));
    }
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > limit) {
      return absl::ResourceExhaustedError(StrCat("read ", name, ": larger than ", limit, " bytes"));
    }
  }
}

}  // namespace faultd

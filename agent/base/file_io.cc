#include "base/file_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/unique_fd.h"

namespace faultd {

StatusOr<std::string> ReadSmallFile(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open ", path));
  ASSIGN_OR_RETURN(std::string content, ReadAll(fd.get(), 1 << 20, path));
  absl::StripTrailingAsciiWhitespace(&content);
  return content;
}

StatusOr<std::string> ReadMounts(const std::string& root) {
  const std::string path = StrCat(root, "/proc/self/mountinfo");
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open ", path));
  return ReadAll(fd.get(), 64 << 20, path);
}

std::optional<uint64_t> NumberAfter(std::string_view text, std::string_view label) {
  for (size_t line = 0; line < text.size();) {
    const size_t end = std::min(text.find('\n', line), text.size());
    std::string_view rest = text.substr(line, end - line);
    line = end + 1;
    if (!rest.starts_with(label)) continue;
    rest.remove_prefix(label.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    uint64_t number = 0;
    if (absl::SimpleAtoi(ToAbsl(rest.substr(0, rest.find(' '))), &number)) return number;
  }
  return std::nullopt;
}

Status WriteSmallFile(const std::string& path, std::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open ", path));
  return WriteAll(fd.get(), text, path);
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

#include "audit/read.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "base/file_io.h"
#include "base/strings.h"

namespace faultd {

StatusOr<std::vector<int>> OlderFiles(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string prefix = file.filename().native() + ".";
  std::error_code error;
  std::filesystem::directory_iterator entries(
      file.has_parent_path() ? file.parent_path() : std::filesystem::path("."), error);
  std::vector<int> numbers;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().native();
    int number = 0;
    if (name.starts_with(prefix) && absl::SimpleAtoi(name.substr(prefix.size()), &number) &&
        name == StrCat(prefix, number)) {
      numbers.push_back(number);
    }
  }
  if (error) return ErrnoStatus(error.value(), StrCat("list the directory of ", path));
  std::sort(numbers.rbegin(), numbers.rend());
  return numbers;
}

std::string OlderFile(const std::string& path, int number) { return StrCat(path, ".", number); }

std::string HeadFile(const std::string& path) { return path + ".head"; }

StatusOr<std::string> ReadAuditFile(const std::string& path) {
  constexpr size_t kLargest = 256 << 20;
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open ", path));
  return ReadAll(fd.get(), kLargest, path);
}

void ForEachLine(std::string_view content, const std::function<void(const RawLine&)>& each) {
  for (size_t number = 1; !content.empty(); ++number) {
    const size_t end = content.find('\n');
    const bool whole = end != std::string_view::npos;
    each({content.substr(0, end), number, whole});
    content.remove_prefix(whole ? end + 1 : content.size());
  }
}

}  // namespace faultd

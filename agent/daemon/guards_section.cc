#include "daemon/guards_section.h"

#include <filesystem>

namespace faultd {

Status ReadGuardFiles(const toml::node& value, std::vector<std::string>& files) {
  const Status expected =
      Expected("a list of absolute paths of files, such as [\"/run/faultd/HALT\"]");
  const auto* list = value.as_array();
  if (list == nullptr) return expected;
  std::vector<std::string> read;
  for (const toml::node& element : *list) {
    const auto text = ReadText(element);
    if (!text.ok() || !text->starts_with('/') || text->ends_with('/') ||
        std::filesystem::path(*text).lexically_normal().native() != *text) {
      return expected;
    }
    read.push_back(*text);
  }
  files = std::move(read);
  return absl::OkStatus();
}

}  // namespace faultd

#include "support/fake_directory.h"

#include <cerrno>

namespace faultd {

StatusOr<std::vector<std::string>> FakeDirectory::List() {
  return script_.Run("list directory", [&]() -> StatusOr<std::vector<std::string>> {
    std::vector<std::string> names;
    for (const auto& [name, content] : files_) names.push_back(name);
    return names;
  });
}

StatusOr<std::string> FakeDirectory::Read(const std::string& name) {
  return script_.Run("read file " + name, [&]() -> StatusOr<std::string> {
    auto found = files_.find(name);
    if (found == files_.end()) return absl::NotFoundError("read file " + name + ": not there");
    return found->second;
  });
}

Status FakeDirectory::Write(const std::string& name, std::string_view content) {
  RETURN_IF_ERROR(script_.Run("write file " + name, [&] {
    files_[name] = content;
    return absl::OkStatus();
  }));
  return Sync(name);
}

Status FakeDirectory::Remove(const std::string& name) {
  const Status removed = script_.Run("remove file " + name, [&] {
    files_.erase(name);
    return absl::OkStatus();
  });
  // As on a real one that is read-only.
  const bool never_there = ErrnoOf(removed) == EROFS && !files_.contains(name);
  return never_there ? absl::OkStatus() : removed;
}

Status FakeDirectory::Rename(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(script_.Run("rename file " + from, [&]() -> Status {
    auto file = files_.extract(from);
    if (file.empty()) return absl::NotFoundError("rename file " + from + ": not there");
    files_.erase(to);
    file.key() = to;
    files_.insert(std::move(file));
    return absl::OkStatus();
  }));
  return Sync(from);
}

Status FakeDirectory::Sync(const std::string& name) {
  return script_.Run("sync file " + name, [&] {
    on_disk_ = files_;
    return absl::OkStatus();
  });
}

}  // namespace faultd

#include "kernel/file_removals.h"

#include <utility>

#include "base/threads.h"
#include "kernel/tagged_files.h"

namespace faultd {
namespace {

Status RemoveAll(const std::string& path, const std::string& mount_point) {
  for (;;) {
    ASSIGN_OR_RETURN(const bool gone, RemoveTaggedDirectory(path, mount_point));
    if (gone) return absl::OkStatus();
  }
}

}  // namespace

StatusOr<bool> FileRemovals::Remove(const std::string& path, const std::string& mount_point) {
  auto found = running_.find(path);
  if (found == running_.end()) {
    // Nobody waits for it, not even at the end: the disk may never answer.
    auto removal = AskApart([path, mount_point] { return RemoveAll(path, mount_point); });
    if (!removal.ok()) return RemoveTaggedDirectory(path, mount_point);
    found = running_.emplace(path, *std::move(removal)).first;
  }
  if (found->second.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
  Status status = running_.extract(found).mapped().get();
  if (!status.ok()) return status;
  return true;
}

}  // namespace faultd

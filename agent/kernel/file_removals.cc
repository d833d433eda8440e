#include "kernel/file_removals.h"

#include <utility>

#include "base/threads.h"
#include "kernel/tagged_files.h"

namespace faultd {
namespace {

Status RemoveAll(const std::string& path) {
  for (;;) {
    ASSIGN_OR_RETURN(const bool gone, RemoveTaggedDirectory(path));
    if (gone) return absl::OkStatus();
  }
}

}  // namespace

StatusOr<bool> FileRemovals::Remove(const std::string& path) {
  const auto [found, is_new] = running_.try_emplace(path);
  if (is_new) {
    std::promise<Status> done;
    found->second = done.get_future();
    // Nobody waits for it, not even at the end: the disk may never answer.
    const Status begun = StartDetachedThread([path, done = std::move(done)]() mutable {
      KeepStandardDescriptors().IgnoreError();
      done.set_value(RemoveAll(path));
    });
    if (!begun.ok()) {
      running_.erase(found);
      return RemoveTaggedDirectory(path);
    }
  }
  if (found->second.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
  Status status = running_.extract(found).mapped().get();
  if (!status.ok()) return status;
  return true;
}

}  // namespace faultd

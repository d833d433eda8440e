#include "daemon/takeover.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "base/file_io.h"
#include "base/log.h"
#include "base/strings.h"
#include "engine/recovery.h"
#include "faults/net/plane.h"
#include "kernel/kernel.h"

namespace faultd {

StatusOr<FileLock> TakeLock(const std::string& path) {
  constexpr std::chrono::seconds kLongest{30};
  StatusOr<FileLock> lock = FileLock::TryAcquire(path);
  if (!absl::IsUnavailable(lock.status())) return lock;
  spdlog::info("waiting for {}: another faultd or its guardian still holds it", path);
  lock = FileLock::Acquire(path, kLongest);
  if (!absl::IsUnavailable(lock.status())) return lock;
  return absl::UnavailableError(
      StrCat(path, " is held by another faultd; only one can run on a host"));
}

Status PutHostBack(const StatePaths& paths, Journal& journal, const std::string& boot_id,
                   const Clock& clock) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel,
                   OpenLinuxKernelForRemoval(paths.directory));
  NetworkPlane network(*kernel, clock);
  Host host{*kernel, network};
  for (int attempt = 0;; ++attempt) {
    const Status status =
        Recover(journal, host, boot_id, [](const std::string& line, const LogSubject& about) {
          const LogAbout fault(about);
          spdlog::warn("recovery: {}", line);
        });
    if (status.ok()) break;
    spdlog::error("recovery: not done yet, trying again: {}", std::string(status.message()));
    std::this_thread::sleep_for(std::chrono::milliseconds(50 << std::min(attempt, 8)));
  }
  for (const std::string& directory : {paths.directory, paths.journal()})
    RETURN_IF_ERROR(RemoveHalfWritten(directory));
  return absl::OkStatus();
}

}  // namespace faultd

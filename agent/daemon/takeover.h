#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "engine/journal.h"
#include "engine/state_paths.h"
#include "kernel/file_lock.h"

// How a daemon takes the host over from the one before.
namespace faultd {

// The lock that only one process on the host can have. One that died a moment ago may have a
// guardian that is putting the host back right now, so up to half a minute is waited for it;
// UNAVAILABLE then.
StatusOr<FileLock> TakeLock(const std::string& path);

// Puts back what the records of the daemon before say, which nothing may be served before: tried
// until it is done. An error only when there is no netlink to be had, or a directory cannot be
// read.
Status PutHostBack(const StatePaths& paths, Journal& journal, const std::string& boot_id,
                   const Clock& clock);

}  // namespace faultd

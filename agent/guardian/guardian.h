#pragma once

#include <sys/types.h>

#include "base/status.h"
#include "engine/state_paths.h"

namespace faultd {

// Puts the host back once, by hand or as ExecStopPost: waits for the lock (at most `wait_ms`, -1
// for ever), recovers, says on standard output what it did. UNAVAILABLE when a daemon holds the
// lock.
Status RevertOnce(const StatePaths& paths, int wait_ms);

// Watches over the daemon `pid`, the parent: when it dies, or leaves a record past its deadline for
// longer than the grace (then it hangs, and is killed), puts the host back; at once when `pid` is
// not the parent any more. Standard input is a socket on which the daemon says which faults it has
// seen gone: their records count no longer. Writes "ready\n" to standard output once it is on
// guard. Returns when its work is done.
Status WatchDaemon(const StatePaths& paths, pid_t pid);

}  // namespace faultd

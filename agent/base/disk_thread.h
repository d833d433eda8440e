#pragma once

#include <functional>
#include <thread>

namespace faultd {

// Starts a thread for what may wait for a disk, with a table of descriptors of its own: a copy of
// the caller's. When the process is killed while a disk stalls, such a thread stays until the disk
// answers, and with it all that its table has; what others open from now on (the lock, the nftables
// socket) is closed with them, at once. So:
// - it is to be started before those are opened, and whatever it uses is opened before or by
// itself;
// - what it opens, it closes: the same number is another file in the other table.
// Returns once the thread has its table. Throws std::system_error when there is no thread, or no
// table, to be had.
std::thread StartDiskThread(std::function<void()> run);

// For a thread that is started later: it goes on with the standard descriptors, and a table of its
// own. On kernels before 5.9 nothing happens.
void KeepStandardDescriptors();

}  // namespace faultd

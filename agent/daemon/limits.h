#pragma once

// What the daemon asks the kernel for before it does anything else. Where it is refused, that is
// logged, and the daemon goes on.
namespace faultd {

// Each probe that hangs holds a socket, and reverting needs descriptors too: 1024, the usual limit
// for the sake of select(2), are too few.
void RaiseFileLimit();

// On a host without memory, what can be read from disk again goes first, code as well, and reading
// it takes seconds: leases would end late, and the watchdog would take the daemon for hanging. What
// it has used once stays.
void StayInMemory();

}  // namespace faultd

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/status.h"

namespace faultd {

// A set of capabilities: bit n is the one with the number n (capabilities(7)).
using CapabilitySet = uint64_t;
constexpr CapabilitySet CapabilityBit(int number) { return CapabilitySet{1} << number; }

// Takes all capabilities but these away from the calling thread, and from the threads and programs
// that it starts from then on; for good, because no new privileges can be had by exec any more
// (prctl(2)). Threads that run already keep theirs.
Status KeepCapabilities(CapabilitySet keep);

// The same for a thread that does its work all the same when it cannot drop them, which is logged.
void TryToKeepCapabilities(CapabilitySet keep, std::string_view thread);

// Does the work in a thread without any capability, as are all threads that the work starts; waits
// for it. Answers its status, or why the capabilities could not be dropped: then nothing was done.
// DEADLINE_EXCEEDED when it takes longer than `patience`: it goes on, and what it uses must stay.
Status DoWithoutCapabilities(std::function<Status()> work, std::chrono::nanoseconds patience);

// Has the kernel refuse with EPERM, to this process and all that it starts, system calls that none
// of our programs makes: debugging and looking into other processes, mounting, loading kernels and
// BPF programs, setting clocks, names, swap and keys; and loading kernel modules unless
// `load_modules`. For good. To be called while there is one thread. On a kernel without seccomp
// only a warning is logged.
Status RefuseSystemCalls(bool load_modules);

}  // namespace faultd

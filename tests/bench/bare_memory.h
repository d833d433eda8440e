#pragma once

#include <sys/types.h>

#include <cstdint>

namespace faultd::bench {

// The least that it takes to make memory resident: loops without anything around them.
enum class BareFill {
  kTouch,      // a byte in each page
  kPopulate,   // MAP_POPULATE, one mapping per thread
  kHugePages,  // a byte in each huge page
  kFile,       // MAP_POPULATE of a file in memory, one per thread
};

// A process of its own, with so many threads, that fills and then sleeps until it is killed.
pid_t StartBareFill(BareFill kind, uint64_t bytes, int threads);

}  // namespace faultd::bench

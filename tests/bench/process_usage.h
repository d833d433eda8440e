#pragma once

#include <sys/types.h>

namespace faultd::bench {

// What a process takes of the host, from /proc.
struct ProcessUsage {
  double rss_mb = 0;
  double pss_mb = 0;
  int threads = 0;
  int descriptors = 0;
  double switches = 0;  // of context, so far, by all threads that live
};

ProcessUsage UsageOf(pid_t pid);

}  // namespace faultd::bench

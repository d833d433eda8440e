#include "daemon/limits.h"

#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

namespace faultd {

void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    spdlog::warn("raise RLIMIT_NOFILE: {}", strerror(errno));
}

void StayInMemory() {
  // The limit must go first: with one, later mappings would fail.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &unlimited) != 0 ||
      mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
    spdlog::warn(
        "cannot stay in memory ({}): leases may end late when the host runs out of it; start "
        "faultd with an unlimited RLIMIT_MEMLOCK, as faultd.service does",
        strerror(errno));
}

}  // namespace faultd

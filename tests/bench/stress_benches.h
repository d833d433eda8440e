#pragma once

#include <string>

#include "bench/report.h"

namespace faultd::bench {

struct StressSetup {
  std::string stress;     // the program faultd-stress
  std::string directory;  // on a disk, for files
  double seconds = 10;    // how long each load is watched
  bool quick = false;     // a little of everything, only to see that it works
};

// One part of the report each.

// How exactly CPU load is held, beside stress-ng, alone and beside a competitor.
void BenchCpuStress(const StressSetup& setup, Report& report);

}  // namespace faultd::bench

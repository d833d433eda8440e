#pragma once

#include <string>

#include "bench/report.h"

namespace faultd::bench {

struct StressSetup {
  std::string stress;     // the program faultd-stress
  std::string directory;  // on a disk, for files
  double seconds = 10;    // how long each load is watched
  double memory_gib = 4;  // how much is filled, at most half of what is available
  int memory_rounds = 3;
  double disk_gib = 2;  // how much of the disk is filled
  bool quick = false;   // a little of everything, only to see that it works
};

// One part of the report each.

// How exactly CPU load is held, beside stress-ng, alone and beside a competitor.
void BenchCpuStress(const StressSetup& setup, Report& report);
// How exactly cores are brought to a utilisation while a competitor comes and goes.
void BenchCpuTotal(const StressSetup& setup, Report& report);

// How soon memory is resident and given back, beside bare loops and stress-ng.
void BenchMemoryStress(const StressSetup& setup, Report& report);

// How fast a disk is filled, read and written, beside fallocate, dd and fio.
void BenchDiskStress(const StressSetup& setup, Report& report);

}  // namespace faultd::bench

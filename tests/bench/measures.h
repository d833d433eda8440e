#pragma once

#include <string>

#include "bench/report.h"

namespace faultd::bench {

struct Setup {
  std::string programs;   // where faultd and its helpers are
  std::string directory;  // for journals and files, on a disk
  int rounds = 300;
  int idle_seconds = 20;
  int soak_minutes = 30;
  bool quick = false;  // a few rounds of everything, only to see that it works
};

// One section of the report each. All work on kInterface in the network namespace of the caller.

// Inject and revert over the unix socket, beside bare netlink and beside commands, taking turns.
void MeasureInject(const Setup& setup, Report& report);
// How long after its deadline a fault acts.
void MeasureLateness(const Setup& setup, Report& report);
// The same while somebody floods the daemon with 10,000 requests a second that make no sense.
void MeasureFlood(const Setup& setup, Report& report);
// From SIGKILL of the daemon to a host as it was.
void MeasureCrash(const Setup& setup, Report& report);
// From exec to READY=1, and from SIGTERM to the end.
void MeasureStart(const Setup& setup, Report& report);
// Stress: how soon it begins and is over, and whether the daemon answers meanwhile.
void MeasureStress(const Setup& setup, Report& report);
// Memory and wake-ups of the daemon and the guardian.
void MeasureIdle(const Setup& setup, Report& report);
// One more fault beside up to 1,000, a start with up to 10,000 records, up to 100 watchers.
void MeasureGrowth(const Setup& setup, Report& report);
// What traffic that is not targeted pays for up to 10,000 targets, beside iptables and routes.
void MeasurePath(const Setup& setup, Report& report);
// Memory, descriptors and threads after a tenth and after all of 100,000 injections.
void MeasureMemory(const Setup& setup, Report& report);
// The same, and wake-ups, of each minute while faults of all kinds come and go.
void MeasureSoak(const Setup& setup, Report& report);

}  // namespace faultd::bench

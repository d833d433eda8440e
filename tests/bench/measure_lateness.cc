#include <fmt/format.h>

#include "bench/daemon.h"
#include "bench/end_monitor.h"
#include "bench/measures.h"
#include "bench/requests.h"

namespace faultd::bench {
namespace {

constexpr std::chrono::hours kLongLease{1};

}  // namespace

void MeasureLateness(const Setup& setup, Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  EndMonitor monitor;
  report.Section("lease end: lateness of the end of the effect (nft monitor, CLOCK_BOOTTIME)");
  int standing = 0;
  for (const int active : {1, 10, 100}) {
    for (; standing < active - 1; ++standing) {
      daemon.Inject(BlackholeRequest(fmt::format("standing-{}", standing), Cidrs(1, standing + 1),
                                     kLongLease));
    }
    Samples lateness, inject;
    for (int i = 0; i < setup.rounds / 3; ++i) {
      const std::string id = fmt::format("late-{}-{}", active, i);
      Time(inject, [&] { daemon.Inject(BlackholeRequest(id, Cidrs(1), kShortLease)); });
      lateness.Add(LatenessOf(id, daemon, monitor));
    }
    report.Add(Row(fmt::format("one of {} active faults ends", active), lateness)).AimP99(5);
    report.Add(Row(fmt::format("InjectFault beside {} active faults", active - 1), inject));
  }
  Samples all;
  Time(all, [&] { daemon.RevertAll(); });
  report.Add(Row(fmt::format("RevertAll of {}", standing), all));
  report.PrintLastSection();
  daemon.Stop();
}

}  // namespace faultd::bench

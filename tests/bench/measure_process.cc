#include <fmt/format.h>

#include <string>
#include <thread>

#include "bench/daemon.h"
#include "bench/measures.h"
#include "bench/process_usage.h"
#include "bench/requests.h"

namespace faultd::bench {
namespace {

void AddIdleRows(const Setup& setup, Daemon& daemon, const std::string& when, Report& report) {
  constexpr double kSecondsPerMinute = 60;
  // What is under way just after the start or the last call is not idleness.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  struct Watched {
    std::string name;
    pid_t pid;
    double rss_aim;
    ProcessUsage before;
  };
  std::vector<Watched> processes = {{"faultd", daemon.pid(), 20, {}},
                                    {"guardian", daemon.guardian_pid(), 4, {}}};
  for (Watched& each : processes) each.before = UsageOf(each.pid);
  std::this_thread::sleep_for(std::chrono::seconds(setup.idle_seconds));
  for (const Watched& each : processes) {
    const ProcessUsage now = UsageOf(each.pid);
    const std::string name = fmt::format("{}, {}: ", each.name, when);
    report.Add(Row(name + "RSS", now.rss_mb, "MB")).AimValue(each.rss_aim);
    report.Add(Row(name + "Pss", now.pss_mb, "MB"));
    report.Add(Row(name + "threads", now.threads, ""));
    report
        .Add(Row(name + "context switches",
                 (now.switches - each.before.switches) * kSecondsPerMinute / setup.idle_seconds,
                 "per minute"))
        .AimValue(0);
  }
}

}  // namespace

void MeasureStart(const Setup& setup, Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  const int rounds = setup.quick ? 2 : 20;
  Samples start, stop;
  for (int i = 0; i < rounds; ++i) {
    Time(start, [&] { daemon.Start(); });
    daemon.guardian_pid();
    Time(stop, [&] { daemon.Stop(); });
  }
  report.Section("start and stop");
  report.Add(Row("from exec to READY=1", start)).AimP99(100);
  report.Add(Row("from SIGTERM to the end of daemon and guardian", stop));
  report.PrintLastSection();
}

void MeasureIdle(const Setup& setup, Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  report.Section(fmt::format("idle over {} s", setup.idle_seconds));
  daemon.Start();
  AddIdleRows(setup, daemon, "just started", report);
  for (const int cidrs : {1, 10'000}) {
    daemon.Inject(
        BlackholeRequest(fmt::format("used-{}", cidrs), Cidrs(cidrs), std::chrono::hours(1)));
    daemon.Revert(fmt::format("used-{}", cidrs));
  }
  daemon.Disconnect();
  AddIdleRows(setup, daemon, "after use", report);
  report.PrintLastSection();
  daemon.Stop();
}

}  // namespace faultd::bench

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "bench/daemon.h"
#include "bench/measures.h"

namespace faultd::bench {
namespace {

namespace fs = std::filesystem;

// The number behind a key in a file of /proc such as "Pss:   1234 kB"; 0 when there is none.
double ReadKey(const fs::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    double value = 0;
    if (word == key + ":" && file >> value) return value;
  }
  return 0;
}

struct Usage {
  double rss_mb = 0;
  double pss_mb = 0;
  int threads = 0;
  double switches = 0;  // so far, of all threads
};

Usage UsageOf(pid_t pid) {
  constexpr double kKilobytes = 1024;
  const fs::path process = fmt::format("/proc/{}", pid);
  Usage usage;
  usage.rss_mb = ReadKey(process / "smaps_rollup", "Rss") / kKilobytes;
  usage.pss_mb = ReadKey(process / "smaps_rollup", "Pss") / kKilobytes;
  for (const fs::directory_entry& thread : fs::directory_iterator(process / "task")) {
    ++usage.threads;
    for (const char* kind : {"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"}) {
      usage.switches += ReadKey(thread.path() / "status", kind);
    }
  }
  return usage;
}

void AddIdleRows(const Setup& setup, Daemon& daemon, const std::string& when, Report& report) {
  constexpr double kSecondsPerMinute = 60;
  // What is under way just after the start or the last call is not idleness.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  struct Watched {
    std::string name;
    pid_t pid;
    double rss_aim;
    Usage before;
  };
  std::vector<Watched> processes = {{"faultd", daemon.pid(), 20, {}},
                                    {"guardian", daemon.guardian_pid(), 4, {}}};
  for (Watched& each : processes) each.before = UsageOf(each.pid);
  std::this_thread::sleep_for(std::chrono::seconds(setup.idle_seconds));
  for (const Watched& each : processes) {
    const Usage now = UsageOf(each.pid);
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

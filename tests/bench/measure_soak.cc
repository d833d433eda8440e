#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/daemon.h"
#include "bench/measures.h"
#include "bench/process_usage.h"
#include "bench/requests.h"

namespace faultd::bench {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPause{50};
constexpr milliseconds kShortestLease{200};
constexpr int kLeaseSteps = 30;  // of the shortest

struct Minute {
  double at = 0;  // minutes since the begin
  ProcessUsage usage;
};

struct Watched {
  std::string name;
  pid_t pid = 0;
  std::vector<Minute> minutes;
};

// Any kind of fault that this host can have, on anything, with a lease that may end before it is
// reverted.
v1::InjectFaultRequest AnyRequest(const Setup& setup, std::mt19937& numbers, int number) {
  const std::string id = fmt::format("soak-{}", number);
  const auto lease = kShortestLease * (1 + static_cast<int>(numbers() % kLeaseSteps));
  const auto to = Cidrs(1 + static_cast<int>(numbers() % 20), static_cast<int>(numbers() % 20));
  const std::string path = fmt::format("path: \"{}\"", setup.directory);
  switch (numbers() % 12) {
    case 0:
      return TextRequest(id, "cpu { load_percent: 2 }", lease);
    case 1:
      return TextRequest(id, "memory { bytes: 8388608 }", lease);
    case 2:
      return TextRequest(id, fmt::format("disk_fill {{ {} bytes: 4194304 }}", path), lease);
    case 3:
      return TextRequest(id, fmt::format("disk_io {{ {} threads: 1 file_bytes: 1048576 }}", path),
                         lease);
    case 4:
    case 5:
      return TextRequest(id, "noop {}", lease);
    case 6:
    case 7:
    case 8:
      return LossRequest(id, to, lease);
    default:
      return BlackholeRequest(id, to, lease);
  }
}

struct Counts {
  int injected = 0;
  int refused = 0;  // also those whose lease ended before they were seen
};

void ComeAndGo(const Setup& setup, Daemon& daemon, std::mt19937& numbers, Clock::time_point until,
               Counts& counts) {
  static int number = 0;
  while (Clock::now() < until) {
    const v1::InjectFaultRequest request = AnyRequest(setup, numbers, number++);
    try {
      daemon.Inject(request);
      ++counts.injected;
    } catch (const std::exception& error) {
      if (!daemon.running()) throw;
      ++counts.refused;
      fprintf(stderr, "faultd_bench: %s\n", error.what());
      continue;
    }
    if (numbers() % 2 == 0) daemon.Get(request.id());
    if (numbers() % 3 == 0) daemon.Revert(request.id());
    if (numbers() % 20 == 0) daemon.List();
    if (numbers() % 100 == 0) daemon.RevertAll();
    if (numbers() % 100 == 0) daemon.Disconnect();
    std::this_thread::sleep_for(kPause);
  }
}

// Least squares.
double SlopeAnHour(const std::vector<Minute>& minutes, double (*figure)(const ProcessUsage&)) {
  constexpr double kMinutesPerHour = 60;
  double at = 0, value = 0;
  for (const Minute& each : minutes) {
    at += each.at / static_cast<double>(minutes.size());
    value += figure(each.usage) / static_cast<double>(minutes.size());
  }
  double above = 0, below = 0;
  for (const Minute& each : minutes) {
    above += (each.at - at) * (figure(each.usage) - value);
    below += (each.at - at) * (each.at - at);
  }
  return below == 0 ? 0 : above / below * kMinutesPerHour;
}

void AddFigure(Report& report, const Watched& process, const std::string& what,
               const std::string& unit, double (*figure)(const ProcessUsage&)) {
  const std::string name = fmt::format("{}, {}: ", process.name, what);
  report.Add(Row(name + "first minute", figure(process.minutes.front().usage), unit));
  report.Add(Row(name + "last minute", figure(process.minutes.back().usage), unit));
  report.Add(Row(name + "slope", SlopeAnHour(process.minutes, figure), unit + " an hour"));
}

}  // namespace

void MeasureSoak(const Setup& setup, Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  std::vector<Watched> processes = {{"faultd", daemon.pid(), {}},
                                    {"guardian", daemon.guardian_pid(), {}}};
  std::mt19937 numbers(1);
  Counts counts;
  const auto begin = Clock::now();
  const milliseconds minute = setup.quick ? milliseconds(500) : std::chrono::minutes(1);
  const int minutes = setup.quick ? 2 : setup.soak_minutes;
  for (int i = 1; i <= minutes; ++i) {
    std::vector<double> switches(processes.size());
    for (size_t n = 0; n < processes.size(); ++n) switches[n] = UsageOf(processes[n].pid).switches;
    try {
      ComeAndGo(setup, daemon, numbers, begin + i * minute, counts);
      // Compared is a daemon without faults and clients, whatever was there just now.
      daemon.RevertAll();
    } catch (const std::exception& error) {
      throw std::runtime_error(
          fmt::format("{}; what faultd said last:\n{}", error.what(), daemon.LogTail()));
    }
    daemon.Disconnect();
    std::this_thread::sleep_for(milliseconds(500));
    for (size_t n = 0; n < processes.size(); ++n) {
      Watched& each = processes[n];
      Minute now{static_cast<double>(i), UsageOf(each.pid)};
      now.usage.switches -= switches[n];
      fmt::print(stderr, "minute {}: {}: {:.2f} MB, {} descriptors, {} threads, {:.0f} switches\n",
                 i, each.name, now.usage.rss_mb, now.usage.descriptors, now.usage.threads,
                 now.usage.switches);
      each.minutes.push_back(now);
    }
  }
  report.Section(fmt::format("soak: faults of every kind come and go, {} min", minutes));
  report.Add(Row("injected", counts.injected, ""));
  report.Add(Row("refused, or over before they were seen", counts.refused, ""));
  for (const Watched& each : processes) {
    AddFigure(report, each, "RSS", "MB", [](const ProcessUsage& usage) { return usage.rss_mb; });
    AddFigure(report, each, "descriptors", "",
              [](const ProcessUsage& usage) { return double(usage.descriptors); });
    AddFigure(report, each, "threads", "",
              [](const ProcessUsage& usage) { return double(usage.threads); });
    AddFigure(report, each, "context switches", "a minute",
              [](const ProcessUsage& usage) { return usage.switches; });
  }
  report.PrintLastSection();
  daemon.Stop();
}

}  // namespace faultd::bench

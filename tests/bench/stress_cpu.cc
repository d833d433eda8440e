#include <fmt/format.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/commands.h"
#include "bench/cpu_meter.h"
#include "bench/require.h"
#include "bench/stress_benches.h"
#include "stress/cpu_utilisation.h"
#include "support/stress_process.h"

namespace faultd::bench {
namespace {

using std::chrono::milliseconds;

// Until whoever makes the load is in full swing.
constexpr milliseconds kSettle{400};
constexpr double kCompetition = 30;

std::vector<int> AllCores() {
  cpu_set_t set;
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cores;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) cores.push_back(i);
  }
  return cores;
}

StressProcess StartOurs(const StressSetup& setup, const std::vector<int>& cores, double percent,
                        v1::CpuMode mode) {
  v1::StressOrder order;
  order.mutable_cpu()->mutable_spec()->set_load_percent(percent);
  order.mutable_cpu()->mutable_spec()->set_mode(mode);
  for (int core : cores) order.mutable_cpu()->add_cores(static_cast<uint32_t>(core));
  StressProcess process = Require(StressProcess::Start(setup.stress, order));
  Require(process.NextEffect());
  return process;
}

CpuUsage WatchOurs(const StressSetup& setup, const std::vector<int>& cores, double percent) {
  const StressProcess process = StartOurs(setup, cores, percent, v1::CPU_MODE_ADD);
  std::this_thread::sleep_for(kSettle);
  return Watch({process.pid()}, cores, setup.seconds);
}

CpuUsage WatchStressNg(const StressSetup& setup, const std::vector<int>& cores, double percent,
                       const std::vector<std::string>& flags) {
  std::vector<std::string> command = {"stress-ng",  "--quiet",
                                      "--cpu",      std::to_string(cores.size()),
                                      "--cpu-load", fmt::format("{:.0f}", percent),
                                      "--taskset",  fmt::format("{}", fmt::join(cores, ","))};
  command.insert(command.end(), flags.begin(), flags.end());
  const pid_t pid = Spawn(command);
  std::this_thread::sleep_for(kSettle);
  const CpuUsage usage = Watch(Family(pid), cores, setup.seconds);
  kill(pid, SIGTERM);
  Wait(pid);
  return usage;
}

struct Contestant {
  std::string name;
  std::function<CpuUsage(const std::vector<int>& cores, double percent)> watch;
};

std::vector<Contestant> Contestants(const StressSetup& setup) {
  const auto stress_ng = [&setup](std::vector<std::string> flags) {
    return [&setup, flags](const std::vector<int>& cores, double percent) {
      return WatchStressNg(setup, cores, percent, flags);
    };
  };
  return {{"faultd-stress", [&setup](const std::vector<int>& cores,
                                     double percent) { return WatchOurs(setup, cores, percent); }},
          {"stress-ng", stress_ng({})},
          {"stress-ng int64, 10 ms slice",
           stress_ng({"--cpu-method", "int64", "--cpu-load-slice", "10"})}};
}

// For each load a line: error and deviation of each contestant, and the error that top(1) shows.
void Compare(const StressSetup& setup, const std::vector<int>& cores, double competition,
             Report& report) {
  const std::vector<double> loads =
      setup.quick ? std::vector<double>{25} : std::vector<double>{5, 10, 25, 50, 75, 90};
  const std::vector<Contestant> contestants = Contestants(setup);
  const std::string title =
      fmt::format("cpu add, {} core(s), {}", cores.size(),
                  competition == 0 ? "alone" : fmt::format("beside {} %", competition));
  report.Section(title);
  fmt::print("\n{:<34}", title + ", points");
  for (const Contestant& each : contestants) fmt::print(" | {:^30}", each.name);
  fmt::print("\n{:<34}", "");
  for (size_t i = 0; i < contestants.size(); ++i)
    fmt::print(" | {:>9} {:>9} {:>10}", "error", "deviation", "in top(1)");
  fmt::print("\n");
  Competitor competitor(competition > 0 ? cores : std::vector<int>{});
  competitor.SetShare(competition / 100);
  for (const double load : loads) {
    if (load + competition > 100) continue;
    fmt::print("  {:<32}", fmt::format("{} %", load));
    for (const Contestant& each : contestants) {
      const CpuUsage usage = each.watch(cores, load);
      const double seen = usage.shown - competition - load;
      fmt::print(" | {:>+9.3f} {:>9.3f} {:>+10.2f}", usage.taken - load, usage.deviation, seen);
      fflush(stdout);
      const std::string name = fmt::format("{} %: {}: ", load, each.name);
      const bool ours = &each == &contestants.front();
      Row& error = report.Add(Row(name + "error", std::abs(usage.taken - load), "points"));
      Row& deviation = report.Add(Row(name + "deviation", usage.deviation, "points"));
      report.Add(Row(name + "error in top(1)", std::abs(seen), "points"));
      if (ours) error.AimValue(competition > 0 ? 0.2 : 0.1);
      if (ours && competition == 0) deviation.AimValue(0.3);
    }
    fmt::print("\n");
  }
}

// The competitor goes up and down between 0 and 60 % meanwhile.
void Total(const StressSetup& setup, const std::vector<int>& cores, Report& report) {
  constexpr double kMost = 0.6;
  constexpr milliseconds kSwing{8000};
  report.Section(fmt::format("cpu total, {} core(s)", cores.size()));
  for (const double target : {50.0, 75.0}) {
    for (const bool swing : {false, true}) {
      Competitor competitor(cores);
      competitor.SetShare(kCompetition / 100);
      std::jthread swinger([&](const std::stop_token& stop) {
        for (milliseconds at{0}; swing && !stop.stop_requested(); at += milliseconds(20)) {
          const double turn = Ratio(at % kSwing, kSwing);
          const double share = kMost * (turn < 0.5 ? 2 * turn : 2 - 2 * turn);
          competitor.SetShare(std::min(share, target / 100));
          std::this_thread::sleep_for(milliseconds(20));
        }
      });
      const StressProcess process = StartOurs(setup, cores, target, v1::CPU_MODE_TOTAL);
      std::this_thread::sleep_for(kSettle);
      const auto cost = UnboundThreadsTime(process.pid());
      const CpuUsage usage = Watch({process.pid()}, cores, setup.seconds, target);
      const double controller =
          std::chrono::duration<double>(UnboundThreadsTime(process.pid()) - cost).count() /
          setup.seconds * 100;
      const std::string name = fmt::format("{} % with {}: ", target, swing ? "0-60 %" : "30 %");
      report.Add(Row(name + "error of the whole", std::abs(usage.busy - target), "points"))
          .AimValue(0.5);
      report.Add(Row(name + "of the worst second", std::abs(usage.worst_busy - target), "points"))
          .AimValue(2);
      report.Add(Row(name + "controller", controller, "% of a core"));
    }
  }
  report.PrintLastSection();
}

}  // namespace

void BenchCpuStress(const StressSetup& setup, Report& report) {
  const std::vector<int> all = AllCores();
  for (const double competition : {0.0, kCompetition}) {
    Compare(setup, {all.back()}, competition, report);
    if (!setup.quick) Compare(setup, all, competition, report);
  }
}

void BenchCpuTotal(const StressSetup& setup, Report& report) {
  const std::vector<int> all = AllCores();
  Total(setup, {all.back()}, report);
  if (!setup.quick) Total(setup, all, report);
}

}  // namespace faultd::bench

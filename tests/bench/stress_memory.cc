#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/file_io.h"
#include "base/strings.h"
#include "bench/bare_memory.h"
#include "bench/commands.h"
#include "bench/cpu_meter.h"
#include "bench/require.h"
#include "bench/stress_benches.h"
#include "kernel/machine.h"
#include "kernel/process.h"
#include "support/stress_process.h"

namespace faultd::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// Until a virtual machine has handed freed memory to its host, which is cold then.
constexpr std::chrono::seconds kCooling{4};
constexpr std::chrono::seconds kPatience{60};

struct Running {
  pid_t pid = 0;
  std::optional<StressProcess> ours;
};

struct Contestant {
  std::string name;
  bool page_cache = false;
  bool bare = false;
  std::function<Running()> start;
  Samples cold, warm, release;
  Samples random;  // until all is random as well
  double spread_mib = 0;
  double cpu_percent = 0;
};

Running StartOurs(const StressSetup& setup, uint64_t bytes, bool page_cache) {
  v1::StressOrder order;
  v1::MemoryOrder& memory = *order.mutable_memory();
  memory.set_bytes(bytes);
  memory.set_reserve_bytes(256 << 20);
  if (page_cache) memory.mutable_spec()->set_backing(v1::MEMORY_BACKING_PAGE_CACHE);
  Running running{0, Require(StressProcess::Start(setup.stress, order))};
  running.pid = running.ours->pid();
  return running;
}

std::vector<Contestant> Contestants(const StressSetup& setup, uint64_t bytes, int threads) {
  const auto ours = [&setup, bytes](bool page_cache) {
    return [&setup, bytes, page_cache] { return StartOurs(setup, bytes, page_cache); };
  };
  const auto bare = [bytes, threads](BareFill kind) {
    return [=] { return Running{StartBareFill(kind, bytes, threads), std::nullopt}; };
  };
  const auto stress_ng = [bytes](int workers) {
    return [=] {
      return Running{Spawn({"stress-ng", "--quiet", "--vm", std::to_string(workers), "--vm-bytes",
                            std::to_string(bytes), "--vm-populate", "--vm-keep"}),
                     std::nullopt};
    };
  };
  std::vector<Contestant> all;
  all.push_back({.name = "faultd-stress", .start = ours(false)});
  all.push_back({.name = "huge pages", .bare = true, .start = bare(BareFill::kHugePages)});
  all.push_back({.name = "touch", .bare = true, .start = bare(BareFill::kTouch)});
  all.push_back({.name = "MAP_POPULATE", .bare = true, .start = bare(BareFill::kPopulate)});
  all.push_back({.name = "stress-ng", .start = stress_ng(threads)});
  all.push_back({.name = "faultd-stress page cache", .page_cache = true, .start = ours(true)});
  all.push_back({.name = "MAP_POPULATE page cache",
                 .page_cache = true,
                 .bare = true,
                 .start = bare(BareFill::kFile)});
  return all;
}

double ShortestMs(const Samples& samples) { return samples.QuantileMs(1e-9); }

uint64_t ResidentBytes(const std::vector<pid_t>& processes) {
  uint64_t pages = 0;
  for (const pid_t pid : processes) {
    const auto statm = ReadSmallFile(StrCat("/proc/", pid, "/statm"));
    if (!statm.ok()) continue;  // it has just ended
    const std::vector<std::string> fields = absl::StrSplit(*statm, ' ');
    uint64_t each = 0;
    if (absl::SimpleAtoi(fields.at(1), &each)) pages += each;
  }
  return pages * 4096;
}

void Kill(Running& running, Samples& release) {
  std::vector<Process> family;
  for (const pid_t pid : Family(running.pid)) family.push_back(Require(Process::Open(pid)));
  Time(release, [&] {
    for (const Process& each : family) Require(each.Signal(SIGKILL));
    for (const Process& each : family) Require(each.WaitUntilGone(-1));
  });
  if (!running.ours) Wait(running.pid);
}

void AwaitResident(Running& running, uint64_t bytes) {
  const auto limit = steady_clock::now() + kPatience;
  std::vector<pid_t> family;
  // The kernel's count may be some pages behind.
  for (int i = 0; ResidentBytes(family) < bytes - bytes / 1000; ++i) {
    if (i % 20 == 0) family = running.ours ? std::vector{running.pid} : Family(running.pid);
    if (steady_clock::now() > limit) {
      Samples ignored;
      Kill(running, ignored);
      Require(absl::DeadlineExceededError("memory did not become resident"));
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
}

// Until it hardly takes CPU time any more: when it last did.
steady_clock::time_point AwaitCalm(const Running& running) {
  auto last = steady_clock::now();
  nanoseconds used{0};
  while (steady_clock::now() - last < milliseconds(100)) {
    const nanoseconds now = CpuTimeOf({running.pid});
    if (now - used > milliseconds(1)) {
      last = steady_clock::now();
      used = now;
    }
    std::this_thread::sleep_for(milliseconds(2));
  }
  return last;
}

void Fill(const StressSetup& setup, uint64_t bytes, bool hold, Contestant& each, Samples& times) {
  const auto begin = steady_clock::now();
  Running running = each.start();
  AwaitResident(running, bytes);
  times.Add(steady_clock::now() - begin);
  if (running.ours) each.random.Add(AwaitCalm(running) - begin);
  if (hold) {
    const std::vector<pid_t> family = Family(running.pid);
    const nanoseconds before = CpuTimeOf(family);
    const auto held_from = steady_clock::now();
    const std::chrono::duration<double> time(std::min(setup.seconds, 5.0));
    uint64_t least = ResidentBytes(family);
    uint64_t most = least;
    while (steady_clock::now() - held_from < time) {
      std::this_thread::sleep_for(milliseconds(50));
      const uint64_t now = ResidentBytes(family);
      least = std::min(least, now);
      most = std::max(most, now);
    }
    each.spread_mib = static_cast<double>(most - least) / (1 << 20);
    each.cpu_percent = 100 * std::chrono::duration<double>(CpuTimeOf(family) - before) /
                       std::chrono::duration<double>(steady_clock::now() - held_from);
  }
  Kill(running, each.release);
}

const Samples& BestBare(const std::vector<Contestant>& all, bool page_cache,
                        Samples Contestant::* times) {
  const Contestant* best = nullptr;
  for (const Contestant& each : all) {
    if (!each.bare || each.page_cache != page_cache) continue;
    if (best == nullptr || ShortestMs(each.*times) < ShortestMs((*best).*times)) best = &each;
  }
  if (best == nullptr) throw std::logic_error("there is no bare way to compare with");
  return best->*times;
}

void ReportTimes(const std::vector<Contestant>& all, Samples Contestant::* times, Report& report) {
  for (const Contestant& each : all) {
    Row& row = report.Add(Row(each.name, each.*times));
    if (each.bare) continue;
    const Samples& best = BestBare(all, each.page_cache, times);
    row.SlowerThan("the best bare loop", best);
    // Apart, as free memory that is in small pieces is never cold: it stays with the machine.
    for (const Contestant& other : all) {
      if (other.name == "huge pages" && !each.page_cache) row.SlowerThan(other.name, other.*times);
    }
    const double ratio = ShortestMs(each.*times) / ShortestMs(best);
    Row& shortest =
        report.Add(Row(each.name + ", shortest beside the best's shortest", ratio, "x"));
    if (each.name == "faultd-stress") shortest.AimValue(1.15);
  }
  report.PrintLastSection();
}

}  // namespace

void BenchMemoryStress(const StressSetup& setup, Report& report) {
  const auto machine = OpenMachine();
  const uint64_t available = Require(machine->Memory()).available;
  const uint64_t bytes = std::min<uint64_t>(
      setup.quick ? 128 << 20 : static_cast<uint64_t>(setup.memory_gib * (1 << 30)), available / 2);
  const int threads = std::min(static_cast<int>(Require(machine->UsableCores()).size()), 8);
  std::vector<Contestant> all = Contestants(setup, bytes, threads);
  const int rounds = setup.quick ? 1 : setup.memory_rounds;
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < all.size(); ++i) {
      // Each comes first in its turn: what one has warmed serves the next.
      Contestant& each = all[(i + static_cast<size_t>(round)) % all.size()];
      if (!setup.quick) std::this_thread::sleep_for(kCooling);
      Fill(setup, bytes, round == 0, each, each.cold);
      Fill(setup, bytes, false, each, each.warm);
    }
  }
  const std::string what = fmt::format("memory: {:.2f} GiB resident, {} threads",
                                       static_cast<double>(bytes) / (1 << 30), threads);
  report.Section(what + ", cold");
  ReportTimes(all, &Contestant::cold, report);
  report.Section(what + ", given back just before");
  ReportTimes(all, &Contestant::warm, report);
  report.Section("memory: until every page is random, cold and warm");
  for (const Contestant& each : all) {
    if (each.random.count() > 0) report.Add(Row(each.name, each.random));
  }
  report.PrintLastSection();
  report.Section("memory: from SIGKILL until it is given back");
  for (const Contestant& each : all) {
    Row& row = report.Add(Row(each.name, each.release));
    if (each.name == "faultd-stress") row.AimMedian(20);
  }
  report.PrintLastSection();
  report.Section("memory: while it holds");
  for (const Contestant& each : all) {
    report.Add(Row(each.name + ": most less least", each.spread_mib, "MiB"));
    Row& cpu = report.Add(Row(each.name + ": CPU", each.cpu_percent, "% of a core"));
    if (each.name == "faultd-stress") cpu.AimValue(0.5);
  }
  report.PrintLastSection();
}

}  // namespace faultd::bench

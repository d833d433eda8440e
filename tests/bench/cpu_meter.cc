#include "bench/cpu_meter.h"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "base/file_io.h"
#include "base/strings.h"
#include "bench/require.h"
#include "stress/cpu_thread.h"
#include "stress/cpu_utilisation.h"

namespace faultd::bench {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr nanoseconds kWindow = milliseconds(100);
constexpr int kWindowsPerSecond = 10;

nanoseconds IdleTimeOf(const std::vector<int>& cores) {
  IdleTimes idle = Require(ReadIdleTimes());
  nanoseconds sum{};
  for (int core : cores) sum += idle[core];
  return sum;
}

// What top(1) adds up, in clock ticks: on all cores that are asked for.
struct Ticks {
  double idle = 0;
  double all = 0;
};

Ticks TicksOf(const std::vector<int>& cores) {
  constexpr int kIdle = 3, kWaiting = 4, kFields = 8;  // the rest is in these
  Ticks ticks;
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    if (std::none_of(cores.begin(), cores.end(),
                     [&](int core) { return name == StrCat("cpu", core); }))
      continue;
    double value = 0;
    for (int field = 0; field < kFields && words >> value; ++field) {
      ticks.all += value;
      if (field == kIdle || field == kWaiting) ticks.idle += value;
    }
  }
  return ticks;
}

struct Moment {
  nanoseconds now, taken, idle;
};

double Percent(nanoseconds part, nanoseconds whole, size_t cores) {
  return 100 * Ratio(part, whole) / static_cast<double>(cores);
}

void Compete(int core, const std::atomic<double>& share, const std::atomic<bool>& stop) {
  Require(PinTo(core));
  // Neither a divisor nor a multiple of anything that we measure.
  constexpr nanoseconds kPeriod = std::chrono::microseconds(17'300);
  for (nanoseconds begin = MonotonicNow(); !stop; begin += kPeriod) {
    const nanoseconds due =
        ThreadCpuTime() +
        nanoseconds(static_cast<int64_t>(share * static_cast<double>(kPeriod.count())));
    while (ThreadCpuTime() < due) {
    }
    SleepUntil(begin + kPeriod);
  }
}

}  // namespace

nanoseconds CpuTimeOf(const std::vector<pid_t>& processes) {
  nanoseconds sum{};
  for (pid_t process : processes) {
    clockid_t clock{};
    timespec time{};
    if (clock_getcpuclockid(process, &clock) == 0 && clock_gettime(clock, &time) == 0)
      sum += std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
  }
  return sum;
}

CpuUsage Watch(const std::vector<pid_t>& processes, const std::vector<int>& cores, double seconds,
               double aim) {
  const int windows = std::max(2, static_cast<int>(seconds * kWindowsPerSecond));
  const size_t n = cores.size();
  std::vector<Moment> moments;
  const Ticks before = TicksOf(cores);
  const nanoseconds begin = MonotonicNow();
  for (int i = 0; i <= windows; ++i) {
    SleepUntil(begin + i * kWindow);
    moments.push_back({MonotonicNow(), CpuTimeOf(processes), IdleTimeOf(cores)});
  }
  const auto busy = [&](const Moment& from, const Moment& to) {
    return 100 - Percent(to.idle - from.idle, to.now - from.now, n);
  };
  CpuUsage usage;
  const Ticks after = TicksOf(cores);
  usage.shown = 100 - 100 * (after.idle - before.idle) / (after.all - before.all);
  const nanoseconds elapsed = moments.back().now - moments.front().now;
  usage.taken = Percent(moments.back().taken - moments.front().taken, elapsed, n);
  usage.busy = usage.worst_busy = busy(moments.front(), moments.back());
  double squares = 0;
  for (size_t i = 1; i < moments.size(); ++i) {
    const Moment& from = moments[i - 1];
    const Moment& to = moments[i];
    squares += std::pow(Percent(to.taken - from.taken, to.now - from.now, n) - usage.taken, 2);
    if (i < kWindowsPerSecond) continue;
    const double second = busy(moments[i - kWindowsPerSecond], to);
    if (std::abs(second - aim) > std::abs(usage.worst_busy - aim)) usage.worst_busy = second;
  }
  usage.deviation = std::sqrt(squares / windows);
  return usage;
}

std::vector<pid_t> Family(pid_t ancestor) {
  std::multimap<pid_t, pid_t> children;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = atoi(entry.path().filename().c_str());
    if (pid == 0) continue;
    const auto stat = ReadSmallFile(entry.path() / "stat");
    const size_t name_end = stat.ok() ? stat->rfind(')') : std::string::npos;
    if (name_end != std::string::npos) children.emplace(atoi(stat->c_str() + name_end + 4), pid);
  }
  std::vector<pid_t> family = {ancestor};
  for (size_t i = 0; i < family.size(); ++i) {
    const auto [begin, end] = children.equal_range(family[i]);
    for (auto child = begin; child != end; ++child) family.push_back(child->second);
  }
  return family;
}

nanoseconds UnboundThreadsTime(pid_t process) {
  nanoseconds sum{};
  for (const fs::directory_entry& thread :
       fs::directory_iterator(StrCat("/proc/", process, "/task"))) {
    cpu_set_t cores;
    const pid_t id = atoi(thread.path().filename().c_str());
    if (sched_getaffinity(id, sizeof(cores), &cores) != 0 || CPU_COUNT(&cores) == 1) continue;
    int64_t time = 0;
    std::ifstream(thread.path() / "schedstat") >> time;
    sum += nanoseconds(time);
  }
  return sum;
}

Competitor::Competitor(const std::vector<int>& cores) {
  for (int core : cores) threads_.emplace_back([this, core] { Compete(core, share_, stop_); });
}

Competitor::~Competitor() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace faultd::bench

// What CPU load does to the host, measured from /proc and from the clocks of the threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "stress/cpu_thread.h"
#include "stress/cpu_utilisation.h"
#include "stress/load.h"
#include "support/stress_process.h"

namespace faultd {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using testing::ElementsAreArray;
using testing::HasSubstr;

constexpr uint32_t kNoSuchCore = 100'000;

std::vector<uint32_t> UsableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<uint32_t> cores;
  for (uint32_t core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

v1::CpuOrder Order(const std::vector<uint32_t>& cores, double percent) {
  v1::CpuOrder order;
  order.mutable_spec()->set_load_percent(percent);
  for (uint32_t core : cores) order.add_cores(core);
  return order;
}

std::vector<pid_t> Threads(pid_t process = getpid()) {
  std::vector<pid_t> threads;
  for (const auto& entry : fs::directory_iterator(StrCat("/proc/", process, "/task")))
    threads.push_back(atoi(entry.path().filename().c_str()));
  return threads;
}

// The threads that are bound to one core, by this core. Tests themselves run everywhere.
std::map<uint32_t, pid_t> BoundThreads(pid_t process = getpid()) {
  std::map<uint32_t, pid_t> bound;
  for (pid_t thread : Threads(process)) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(thread, sizeof(set), &set) != 0 || CPU_COUNT(&set) != 1) continue;
    for (uint32_t core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) bound[core] = thread;
    }
  }
  return bound;
}

std::vector<uint32_t> Cores(const std::map<uint32_t, pid_t>& threads) {
  const auto cores = std::views::keys(threads);
  return {cores.begin(), cores.end()};
}

// CPU time so far, as the scheduler has it: up to a clock tick behind.
nanoseconds TimeOf(pid_t thread, pid_t process = getpid()) {
  int64_t time = 0;
  std::ifstream(StrCat("/proc/", process, "/task/", thread, "/schedstat")) >> time;
  return nanoseconds(time);
}

// Share of the time, in per cent, that a thread runs while the caller does as it likes for so long.
double PercentOf(pid_t thread, milliseconds time, pid_t process = getpid()) {
  const nanoseconds begin = MonotonicNow(), used = TimeOf(thread, process);
  std::this_thread::sleep_for(time);
  return 100 * Ratio(TimeOf(thread, process) - used, MonotonicNow() - begin);
}

// Whether a thread comes to that share of a second, and never gets far beyond: others may keep it
// from it for a while, and what they had it makes up for.
testing::AssertionResult Takes(pid_t thread, double percent, pid_t process = getpid()) {
  constexpr int kPatience = 30;
  double last = 0;
  for (int i = 0; i < kPatience; ++i) {
    last = PercentOf(thread, milliseconds(1000), process);
    if (last > percent + 12) break;
    if (last > percent - 5) return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "takes " << last << " % instead of " << percent;
}

TEST(StressCpuTest, EachCoreIsLoadedByItsShare) {
  const std::vector<uint32_t> cores = UsableCores();
  const auto load = StartCpuLoad(Order(cores, 15));
  ASSERT_TRUE(load.ok()) << load.status();
  const auto threads = BoundThreads();
  ASSERT_THAT(Cores(threads), ElementsAreArray(cores));
  for (const auto& [core, thread] : threads) EXPECT_TRUE(Takes(thread, 15)) << "core " << core;
}

TEST(StressCpuTest, OtherCoresAreLeftAlone) {
  const uint32_t core = UsableCores().back();
  const auto load = StartCpuLoad(Order({core}, 5));
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_THAT(Cores(BoundThreads()), ElementsAreArray({core}));
}

TEST(StressCpuTest, EffectIsWhatTheSchedulerSays) {
  const std::vector<uint32_t> cores = UsableCores();
  const auto load = StartCpuLoad(Order(cores, 20));
  ASSERT_TRUE(load.ok()) << load.status();
  const auto threads = BoundThreads();
  // A machine that stalls between two looks makes them differ; it does not stall every time.
  double apart = 100;
  for (int i = 0; i < 10 && apart > 3; ++i) {
    ASSERT_TRUE((*load)->Observe().ok());
    std::map<uint32_t, nanoseconds> used;
    for (const auto& [core, thread] : threads) used[core] = TimeOf(thread);
    const nanoseconds begin = MonotonicNow();
    std::this_thread::sleep_for(milliseconds(1000));
    const auto effect = (*load)->Observe();
    ASSERT_TRUE(effect.ok()) << effect.status();
    EXPECT_EQ(effect->cpu().requested_percent(), 20);
    ASSERT_EQ(effect->cpu().cores_size(), static_cast<int>(cores.size()));
    double sum = 0;
    apart = 0;
    for (const v1::CoreEffect& each : effect->cpu().cores()) {
      const nanoseconds taken = TimeOf(threads.at(each.core())) - used.at(each.core());
      const double measured = 100 * Ratio(taken, MonotonicNow() - begin);
      apart = std::max({apart, std::abs(each.achieved_percent() - measured),
                        each.achieved_percent() - each.busy_percent()});
      EXPECT_LE(each.busy_percent(), 100);
      sum += each.achieved_percent();
    }
    EXPECT_NEAR(effect->cpu().achieved_percent(), sum / static_cast<double>(cores.size()), 1e-6);
  }
  EXPECT_LE(apart, 3);
}

TEST(StressCpuTest, EndsWithTheLoad) {
  const auto before = Threads();  // a sanitizer has one, too
  auto load = StartCpuLoad(Order(UsableCores(), 10));
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_GT(Threads().size(), before.size());
  load->reset();
  EXPECT_EQ(Threads(), before);
}

TEST(StressCpuTest, RampBeginsWithNothing) {
  v1::CpuOrder order = Order({UsableCores()[0]}, 80);
  order.mutable_spec()->mutable_ramp()->set_seconds(3600);
  const auto load = StartCpuLoad(order);
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_LT(PercentOf(BoundThreads().begin()->second, milliseconds(500)), 2);
  const auto effect = (*load)->Observe();
  ASSERT_TRUE(effect.ok()) << effect.status();
  EXPECT_GT(effect->cpu().requested_percent(), 0);
  EXPECT_LT(effect->cpu().requested_percent(), 1);
}

TEST(StressCpuTest, RampEndsWithTheLoadAskedFor) {
  v1::CpuOrder order = Order({UsableCores()[0]}, 20);
  order.mutable_spec()->mutable_ramp()->set_nanos(100'000'000);
  const auto load = StartCpuLoad(order);
  ASSERT_TRUE(load.ok()) << load.status();
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_TRUE(Takes(BoundThreads().begin()->second, 20));
  EXPECT_EQ((*load)->Observe()->cpu().requested_percent(), 20);
}

TEST(StressCpuTest, PriorityIsThatAskedFor) {
  for (const bool idle : {false, true}) {
    v1::CpuOrder order = Order({UsableCores()[0]}, 5);
    order.mutable_spec()->set_priority(idle ? v1::CPU_PRIORITY_IDLE : v1::CPU_PRIORITY_NORMAL);
    const auto load = StartCpuLoad(order);
    ASSERT_TRUE(load.ok()) << load.status();
    EXPECT_EQ(sched_getscheduler(BoundThreads().begin()->second), idle ? SCHED_IDLE : SCHED_OTHER);
  }
}

// What the kernel does to a thread whose core goes offline.
TEST(StressCpuTest, ThreadReturnsToItsCoreWhenItWasMoved) {
  const std::vector<uint32_t> cores = UsableCores();
  const auto load = StartCpuLoad(Order({cores.front()}, 5));
  ASSERT_TRUE(load.ok()) << load.status();
  const pid_t thread = BoundThreads().at(cores.front());
  cpu_set_t others;
  CPU_ZERO(&others);
  for (size_t i = 1; i < cores.size(); ++i) CPU_SET(cores[i], &others);
  if (cores.size() > 1) {
    ASSERT_EQ(sched_setaffinity(thread, sizeof(others), &others), 0);
  }
  for (int i = 0; i < 1000 && BoundThreads()[cores.front()] != thread; ++i)
    std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(BoundThreads()[cores.front()], thread);
}

// Wants all of one core.
class Hog {
 public:
  explicit Hog(uint32_t core)
      : thread_(CpuThread::Start(static_cast<int>(core), [this] {
          while (!stop_) {
          }
        })) {}
  ~Hog() { stop_ = true; }
  Status status() const { return thread_.status(); }

 private:
  std::atomic<bool> stop_ = false;
  StatusOr<std::unique_ptr<CpuThread>> thread_;
};

TEST(StressCpuTest, TotalGivesWayToOthers) {
  const uint32_t core = UsableCores().back();
  v1::CpuOrder order = Order({core}, 30);
  order.mutable_spec()->set_mode(v1::CPU_MODE_TOTAL);
  const auto load = StartCpuLoad(order);
  ASSERT_TRUE(load.ok()) << load.status();
  const pid_t ours = BoundThreads().at(core);
  const Hog hog(core);
  ASSERT_TRUE(hog.status().ok()) << hog.status();
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_LT(PercentOf(ours, milliseconds(1000)), 3);
}

TEST(StressCpuTest, TotalBringsTheCoreToItsTarget) {
  const uint32_t number = UsableCores().back();
  v1::CpuOrder order = Order({number}, 40);
  order.mutable_spec()->set_mode(v1::CPU_MODE_TOTAL);
  const auto load = StartCpuLoad(order);
  ASSERT_TRUE(load.ok()) << load.status();
  const auto core = static_cast<int>(number);
  double busy = 0;
  for (int i = 0; i < 10 && busy < 37; ++i) {
    const nanoseconds begin = MonotonicNow(), idle = ReadIdleTimes()->at(core);
    std::this_thread::sleep_for(milliseconds(1000));
    busy = 100 - 100 * Ratio(ReadIdleTimes()->at(core) - idle, MonotonicNow() - begin);
  }
  // More, if others take more.
  EXPECT_GE(busy, 37);
}

TEST(StressCpuTest, CoreThatIsNotThereIsNamedAndNothingStays) {
  const auto before = Threads();
  const auto load = StartCpuLoad(Order({UsableCores()[0], kNoSuchCore}, 5));
  EXPECT_EQ(load.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(load.status().message(),
            "start thread on core 100000: the core is offline or not in the cpuset of this "
            "process");
  EXPECT_EQ(Threads(), before);
}

TEST(StressCpuTest, OrderWithoutCoresIsRefused) {
  EXPECT_EQ(StartCpuLoad(Order({}, 5)).status().message(), "load no core: the order names none");
}

// Does not return: root is exempt from the limit, and there is no way back to root.
void LoadWithoutRoomForThreads() {
  constexpr uid_t kNobody = 65'534;
  constexpr rlimit kOne{1, 1};
  if (setrlimit(RLIMIT_NPROC, &kOne) != 0 || setuid(kNobody) != 0) _exit(2);
  const auto load = StartCpuLoad(Order({UsableCores()[0]}, 5));
  fprintf(stderr, "%s\n", load.status().ToString().c_str());
  _exit(load.ok() ? 3 : 0);
}

TEST(StressCpuDeathTest, FullProcessTableIsSaid) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(LoadWithoutRoomForThreads(), testing::ExitedWithCode(0),
              "RESOURCE_EXHAUSTED: start thread on core [0-9]+: no more threads may be made here; "
              "raise TasksMax= of the unit");
}

TEST(StressCpuProcessTest, LoadsUntilItIsKilled) {
  v1::StressOrder order;
  *order.mutable_cpu() = Order({UsableCores().back()}, 20);
  auto process = StressProcess::Start(FAULTD_STRESS, order);
  ASSERT_TRUE(process.ok()) << process.status();
  const auto first = process->NextEffect();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->cpu().requested_percent(), 20);
  const auto threads = BoundThreads(process->pid());
  ASSERT_THAT(Cores(threads), ElementsAreArray({UsableCores().back()}));
  EXPECT_TRUE(Takes(threads.begin()->second, 20, process->pid()));
  const auto second = process->NextEffect();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(second->cpu().achieved_percent(), 0);
  const fs::path proc = StrCat("/proc/", process->pid());
  EXPECT_TRUE(fs::exists(proc));
  process->Kill();
  EXPECT_FALSE(fs::exists(proc));
}

TEST(StressCpuProcessTest, EndsWhenNobodyListens) {
  v1::StressOrder order;
  *order.mutable_cpu() = Order(UsableCores(), 10);
  auto process = StressProcess::Start(FAULTD_STRESS, order);
  ASSERT_TRUE(process.ok()) << process.status();
  ASSERT_TRUE(process->NextEffect().ok());
  EXPECT_EQ(process->Close(), 0);
}

TEST(StressCpuProcessTest, SaysWhyItCannotLoad) {
  v1::StressOrder order;
  *order.mutable_cpu() = Order({kNoSuchCore}, 10);
  auto process = StressProcess::Start(FAULTD_STRESS, order);
  ASSERT_TRUE(process.ok()) << process.status();
  const auto effect = process->NextEffect();
  EXPECT_EQ(effect.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(effect.status().message()), HasSubstr("core 100000"));
  EXPECT_EQ(process->NextReport().status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace faultd

// The memory load on the real kernel. What it holds is read from /proc, not from its own report.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include "absl/strings/str_split.h"
#include "base/file_io.h"
#include "base/strings.h"
#include "stress/memory_load.h"
#include "stress/memory_pressure.h"
#include "support/memory_lab.h"
#include "support/stress_process.h"

namespace faultd {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

testing::AssertionResult Within(uint64_t value, uint64_t expected, uint64_t tolerance) {
  if (value + tolerance >= expected && value <= expected + tolerance)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << value << " is not " << expected << " +- " << tolerance;
}

v1::MemoryOrder Order(uint64_t bytes) {
  v1::MemoryOrder order;
  order.set_bytes(bytes);
  order.set_reserve_bytes(256 * kMiB);
  return order;
}

StressProcess StartProcess(const v1::MemoryOrder& memory) {
  v1::StressOrder order;
  *order.mutable_memory() = memory;
  auto process = StressProcess::Start(FAULTD_STRESS, order);
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

v1::MemoryEffect Next(StressProcess& process) {
  const auto effect = process.NextEffect();
  EXPECT_TRUE(effect.ok()) << effect.status();
  return effect.ok() ? effect->memory() : v1::MemoryEffect();
}

// The first report for which the condition holds.
v1::MemoryEffect AwaitEffect(StressProcess& process,
                             const std::function<bool(const v1::MemoryEffect&)>& condition) {
  for (int i = 0; i < 60; ++i) {
    v1::MemoryEffect effect = Next(process);
    if (condition(effect) || testing::Test::HasFailure()) return effect;
  }
  ADD_FAILURE() << "not reported within a minute";
  return {};
}

// User and system time of a process.
std::chrono::duration<double> CpuTimeOf(pid_t pid) {
  const auto stat = ReadSmallFile(StrCat("/proc/", pid, "/stat"));
  EXPECT_TRUE(stat.ok()) << stat.status();
  const std::vector<std::string> fields = absl::StrSplit(stat->substr(stat->rfind(')') + 2), ' ');
  const double ticks = std::stod(fields[11]) + std::stod(fields[12]);
  return std::chrono::duration<double>(ticks / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

size_t Compressed(const std::string& page) {
  std::string out(2 * page.size(), '\0');
  uLongf length = out.size();
  EXPECT_EQ(compress2(reinterpret_cast<Bytef*>(out.data()), &length,
                      reinterpret_cast<const Bytef*>(page.data()), page.size(), 1),
            Z_OK);
  return length;
}

// Every n-th page of the locked mappings of a process.
std::vector<std::string> SamplePages(pid_t pid, size_t every) {
  std::ifstream maps(StrCat("/proc/", pid, "/smaps"));
  uint64_t begin = 0;
  uint64_t end = 0;
  std::vector<std::pair<uint64_t, uint64_t>> locked;
  for (std::string line; std::getline(maps, line);) {
    uint64_t from = 0;
    uint64_t to = 0;
    if (sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " ", &from, &to) == 2) {
      begin = from;
      end = to;
    }
    if (line.starts_with("VmFlags:") && line.find(" lo") != std::string::npos)
      locked.emplace_back(begin, end);
  }
  const UniqueFd memory(open(StrCat("/proc/", pid, "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(memory.valid());
  std::vector<std::string> pages;
  for (const auto& [first, last] : locked) {
    for (uint64_t at = first; at < last; at += every * 4096) {
      std::string page(4096, '\0');
      EXPECT_EQ(pread(memory.get(), page.data(), page.size(), static_cast<off_t>(at)), 4096);
      pages.push_back(std::move(page));
    }
  }
  return pages;
}

TEST(StressMemoryTest, HoldsAnonymousMemoryLocked) {
  constexpr uint64_t kBytes = 128 * kMiB + 12 * uint64_t{1024};
  StressProcess process = StartProcess(Order(kBytes));
  const auto effect =
      AwaitEffect(process, [](const auto& each) { return each.resident_bytes() >= kBytes; });
  EXPECT_EQ(HeldBytes(process.pid()), kBytes);
  EXPECT_GE(FigureOf(StrCat("/proc/", process.pid(), "/smaps_rollup"), "Anonymous"), kBytes);
  EXPECT_EQ(effect.requested_bytes(), kBytes);
  EXPECT_EQ(effect.resident_bytes(), kBytes);
  EXPECT_EQ(effect.withheld_bytes(), 0U);
  EXPECT_EQ(effect.give_backs(), 0U);
  EXPECT_TRUE(
      Within(effect.available_bytes(), FigureOf("/proc/meminfo", "MemAvailable"), 4 * kGiB));
}

TEST(StressMemoryTest, HoldsPageCache) {
  v1::MemoryOrder order = Order(64 * kMiB);
  order.mutable_spec()->set_backing(v1::MEMORY_BACKING_PAGE_CACHE);
  StressProcess process = StartProcess(order);
  AwaitEffect(process, [](const auto& each) { return each.resident_bytes() >= 64 * kMiB; });
  EXPECT_EQ(HeldBytes(process.pid()), 64 * kMiB);
  EXPECT_EQ(FigureOf(StrCat("/proc/", process.pid(), "/smaps_rollup"), "Pss_Shmem"), 64 * kMiB);
}

TEST(StressMemoryTest, IncompressiblePagesAreAllRandomAndDifferent) {
  StressProcess process = StartProcess(Order(64 * kMiB));
  AwaitEffect(process, [](const auto& each) { return each.resident_bytes() >= 64 * kMiB; });
  // Resident first, random soon after.
  std::vector<std::string> pages;
  EXPECT_TRUE(Await([&] {
    pages = SamplePages(process.pid(), 16);
    return std::ranges::all_of(pages, [](const auto& page) { return Compressed(page) >= 4096; });
  }));
  EXPECT_EQ(pages.size(), 64 * kMiB / 4096 / 16);
  EXPECT_EQ(std::set<std::string>(pages.begin(), pages.end()).size(), pages.size());
}

TEST(StressMemoryTest, CompressiblePagesAreNearlyAllZerosAndDifferent) {
  v1::MemoryOrder order = Order(64 * kMiB);
  order.mutable_spec()->set_content(v1::MEMORY_CONTENT_COMPRESSIBLE);
  StressProcess process = StartProcess(order);
  AwaitEffect(process, [](const auto& each) { return each.resident_bytes() >= 64 * kMiB; });
  const std::vector<std::string> pages = SamplePages(process.pid(), 16);
  EXPECT_EQ(pages.size(), 64 * kMiB / 4096 / 16);
  for (const std::string& page : pages) EXPECT_LT(Compressed(page), 128U);
  EXPECT_EQ(std::set<std::string>(pages.begin(), pages.end()).size(), pages.size());
}

TEST(StressMemoryTest, GrowsAtTheRateAskedFor) {
  v1::MemoryOrder order = Order(96 * kMiB);
  order.mutable_spec()->set_bytes_per_second(32 * kMiB);
  const auto begin = steady_clock::now();
  StressProcess process = StartProcess(order);
  uint64_t last = 0;
  bool partly = false;
  ASSERT_TRUE(Await([&] {
    last = HeldBytes(process.pid());
    const std::chrono::duration<double> elapsed = steady_clock::now() - begin;
    EXPECT_LE(static_cast<double>(last), elapsed.count() * 32 * kMiB + 3 * kMiB);
    partly = partly || (last >= 16 * kMiB && last <= 80 * kMiB);
    return last >= 96 * kMiB;
  }));
  EXPECT_TRUE(partly);
}

TEST(StressMemoryTest, WatchesPressureWhereTheKernelCountsIt) {
  constexpr char kPressure[] = "/proc/pressure/memory";
  StressProcess process = StartProcess(Order(kMiB));
  Next(process);
  bool watches = false;
  for (const auto& fd : std::filesystem::directory_iterator(StrCat("/proc/", process.pid(), "/fd")))
    watches = watches || std::filesystem::read_symlink(fd.path()) == kPressure;
  // The file is there but cannot be opened where the kernel was told not to count.
  EXPECT_EQ(watches, UniqueFd(open(kPressure, O_RDWR | O_NONBLOCK | O_CLOEXEC)).valid());
}

TEST(StressMemoryTest, WakeEndsTheWaitForPressure) {
  auto pressure = PressureWatch::Open();
  ASSERT_TRUE(pressure.ok()) << pressure.status();
  pressure->Wake();
  const auto begin = steady_clock::now();
  (void)pressure->Wait(1h);
  EXPECT_LT(steady_clock::now() - begin, 1min);
}

TEST(StressMemoryTest, TakesNoCpuTimeWhileItHolds) {
  StressProcess process = StartProcess(Order(64 * kMiB));
  AwaitEffect(process, [](const auto& each) { return each.resident_bytes() >= 64 * kMiB; });
  Next(process);
  const auto before = CpuTimeOf(process.pid());
  for (int i = 0; i < 2; ++i) Next(process);
  EXPECT_LE((CpuTimeOf(process.pid()) - before).count(), 0.1);
}

TEST(StressMemoryTest, EndsWithItsDaemonAndLeavesNothing) {
  StressProcess process = StartProcess(Order(64 * kMiB));
  AwaitEffect(process, [](const auto& each) { return each.resident_bytes() >= 64 * kMiB; });
  EXPECT_EQ(process.Close(), 0);
  StressProcess killed = StartProcess(Order(64 * kMiB));
  Next(killed);
  const pid_t pid = killed.pid();
  killed.Kill();
  EXPECT_NE(access(StrCat("/proc/", pid).c_str(), F_OK), 0);
}

// The reserve is set so high that what this test takes reaches into it.
TEST(StressMemoryTest, GivesBackWhenAnotherProcessNeedsTheMemory) {
  v1::MemoryOrder order = Order(128 * kMiB);
  order.set_reserve_bytes(FigureOf("/proc/meminfo", "MemAvailable") - kGiB);
  StressProcess process = StartProcess(order);
  const auto held =
      AwaitEffect(process, [](const auto& each) { return each.resident_bytes() == 128 * kMiB; });
  constexpr size_t kTaken = 2 * kGiB;
  void* const taken = mmap(nullptr, kTaken, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(taken, MAP_FAILED);
  EXPECT_TRUE(Await([&] { return HeldBytes(process.pid()) == 0; }));
  const auto given = AwaitEffect(process, [&](const auto& each) {
    return each.give_backs() > held.give_backs() && each.resident_bytes() == 0;
  });
  EXPECT_EQ(given.requested_bytes(), 128 * kMiB);
  EXPECT_EQ(given.withheld_bytes(), 128 * kMiB);
  munmap(taken, kTaken);
}

// A host on which others use what the test says, and this process what it really holds.
class SettableMachine final : public Machine {
 public:
  static constexpr uint64_t kTotal = kGiB;
  explicit SettableMachine(std::atomic<uint64_t>& others) : others_(others) {}

  StatusOr<std::vector<int>> UsableCores() override { return std::vector<int>{0, 1, 2}; }
  StatusOr<double> CpuQuota() override { return 0.0; }
  StatusOr<MemoryFacts> Memory() override {
    const uint64_t used = others_ + HeldBytes(getpid());
    return MemoryFacts{.total = kTotal, .available = kTotal - std::min(used, kTotal)};
  }

 private:
  std::atomic<uint64_t>& others_;
};

TEST(StressMemoryTest, AbsoluteFollowsWhatOthersUse) {
  std::atomic<uint64_t> others{128 * kMiB};
  const auto held = [] { return HeldBytes(getpid()); };
  v1::MemoryOrder order = Order(384 * kMiB);
  order.mutable_spec()->set_mode(v1::MEMORY_MODE_ABSOLUTE);
  auto load = StartMemoryLoadOn(std::make_unique<SettableMachine>(others), order);
  ASSERT_TRUE(load.ok()) << load.status();
  const auto reaches = [&](uint64_t bytes) {
    return Await([&] { return bool{Within(held(), bytes, 12 * kMiB)}; });
  };
  EXPECT_TRUE(reaches(256 * kMiB)) << held();
  others = 320 * kMiB;
  EXPECT_TRUE(reaches(64 * kMiB)) << held();
  others = 64 * kMiB;
  EXPECT_TRUE(reaches(320 * kMiB)) << held();
  others = 400 * kMiB;
  EXPECT_TRUE(reaches(0)) << held();
  const auto effect = (*load)->Observe();
  ASSERT_TRUE(effect.ok()) << effect.status();
  EXPECT_EQ(effect->memory().give_backs(), 0U) << "there was always enough";
}

TEST(StressMemoryTest, FillsOnlyAsFarAsTheReserve) {
  std::atomic<uint64_t> others{512 * kMiB};
  const auto held = [] { return HeldBytes(getpid()); };
  auto load = StartMemoryLoadOn(std::make_unique<SettableMachine>(others), Order(400 * kMiB));
  ASSERT_TRUE(load.ok()) << load.status();
  uint64_t most = 0;
  EXPECT_TRUE(Await([&] {
    most = std::max(most, held());
    return held() >= (256 - 48) * kMiB;
  }));
  EXPECT_LE(most, 256 * kMiB);
  others = 600 * kMiB;
  EXPECT_TRUE(Await([&] { return held() <= (256 - 88) * kMiB; })) << held();
  const auto effect = (*load)->Observe();
  ASSERT_TRUE(effect.ok()) << effect.status();
  EXPECT_EQ(effect->memory().give_backs(), 1U);
  EXPECT_EQ(effect->memory().requested_bytes(), 400 * kMiB);
  EXPECT_GE(effect->memory().withheld_bytes(), (400 - 256 + 88) * kMiB);
  load->reset();
  EXPECT_EQ(held(), 0U) << "its end gives all back";
}

TEST(StressMemoryTest, RefusesMoreThanThereIs) {
  std::atomic<uint64_t> others{0};
  const auto load = StartMemoryLoadOn(std::make_unique<SettableMachine>(others), Order(2 * kGiB));
  EXPECT_TRUE(absl::IsResourceExhausted(load.status()));
  EXPECT_EQ(load.status().message(),
            "hold 2147483648 bytes of memory: there are only 1073741824 bytes; ask for less");
}

TEST(StressMemoryTest, SaysHowMuchCouldNotBeMapped) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const rlimit scarce{FigureOf("/proc/self/status", "VmSize") + 64 * kMiB, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &scarce), 0);
  const auto load = StartMemoryLoad(Order(256 * kMiB));
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_TRUE(absl::IsResourceExhausted(load.status()));
  EXPECT_EQ(load.status().message(),
            "hold 268435456 bytes of memory: map 268435456 bytes: Cannot allocate memory");
}

}  // namespace
}  // namespace faultd

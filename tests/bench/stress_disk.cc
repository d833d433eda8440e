#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file_io.h"
#include "bench/commands.h"
#include "bench/require.h"
#include "bench/samples.h"
#include "bench/stress_benches.h"
#include "kernel/machine.h"
#include "stress/disk_fill_bytes.h"
#include "support/stress_process.h"
#include <nlohmann/json.hpp>

namespace faultd::bench {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr uint64_t kGiB = 1 << 30;
constexpr uint64_t kFileBytes = 256 << 20;

uint64_t FillBytes(const StressSetup& setup) {
  return static_cast<uint64_t>((setup.quick ? 0.1 : setup.disk_gib) * kGiB);
}

// A directory for files, removed with them.
class WorkDirectory {
 public:
  explicit WorkDirectory(const std::string& parent) {
    std::string pattern = fs::canonical(parent) / "stress_disk_XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) Require(ErrnoStatus(errno, "make " + pattern));
    path_ = pattern;
  }
  WorkDirectory(const WorkDirectory&) = delete;
  WorkDirectory& operator=(const WorkDirectory&) = delete;
  ~WorkDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Filler {
  std::string name;
  std::function<std::chrono::nanoseconds()> fill;  // answers with what it took
  std::function<void()> release;
  Samples filling{};
  Samples releasing{};
};

template <typename Work>
std::function<std::chrono::nanoseconds()> Timed(Work work) {
  return [work] {
    const auto begin = steady_clock::now();
    work();
    return steady_clock::now() - begin;
  };
}

Filler Command(const std::vector<std::string>& command, const std::string& file) {
  return {command.front(), Timed([command] { Run(command); }), [file] { fs::remove(file); }};
}

// The whole process: from its start to its first report, and from SIGKILL to its end.
Filler OurProcess(const StressSetup& setup, const std::string& directory) {
  v1::StressOrder order;
  order.mutable_disk_fill()->mutable_spec()->set_path(directory);
  order.mutable_disk_fill()->mutable_spec()->set_bytes(FillBytes(setup));
  order.mutable_disk_fill()->set_directory(directory + "/.faultd-bench");
  order.mutable_disk_fill()->set_bytes(FillBytes(setup));
  auto process = std::make_shared<std::unique_ptr<StressProcess>>();
  return {"faultd-stress", Timed([order, process, &setup] {
            *process =
                std::make_unique<StressProcess>(Require(StressProcess::Start(setup.stress, order)));
            Require((*process)->NextEffect());
          }),
          [process] { process->reset(); }};
}

// What faultd-stress does where it cannot allocate.
Filler OurWriting(const StressSetup& setup, const std::string& directory) {
  auto fill = std::make_shared<std::unique_ptr<ByteFill>>();
  return {"written by faultd-stress's code", Timed([&setup, directory, fill] {
            *fill = std::make_unique<ByteFill>(Require(DiskPlace::Open(directory + "/.faultd")),
                                               ByteFill::Goal{.bytes = FillBytes(setup)});
            Require((*fill)->Write());
          }),
          [fill] { fill->reset(); }};
}

// Runs one job of fio in a thread; what it says about it, without the time that fio takes to start.
nlohmann::json RunFio(const std::string& file, std::vector<std::string> options) {
  const std::string output = file + ".json";
  options.insert(options.begin(),
                 {"fio", "--name=bench", "--filename=" + file, "--thread", "--direct=1",
                  "--ioengine=psync", "--output-format=json", "--output=" + output});
  Run(options);
  std::ifstream text(output);
  return nlohmann::json::parse(text).at("jobs").at(0);
}

Filler FioWriting(const StressSetup& setup, const std::string& file) {
  return {"fio",
          [file, bytes = FillBytes(setup)]() -> std::chrono::nanoseconds {
            const nlohmann::json job = RunFio(file, {fmt::format("--size={}", bytes), "--rw=write",
                                                     "--bs=1m", "--fallocate=none"});
            return std::chrono::milliseconds(job.at("write").at("runtime").get<int64_t>());
          },
          [file] { fs::remove(file); }};
}

void CompareFills(std::vector<Filler>& fillers, int rounds, Report& report) {
  for (int round = 0; round < rounds; ++round) {
    for (Filler& filler : fillers) {
      filler.filling.Add(filler.fill());
      Time(filler.releasing, filler.release);
    }
  }
  for (const Filler& filler : fillers) {
    Row& row = report.Add(Row(filler.name, filler.filling));
    if (&filler != &fillers.front()) continue;
    for (const Filler& other : fillers) {
      if (&other != &filler) row.FasterThan(other.name, other.filling);
    }
  }
  for (const Filler& filler : fillers)
    report.Add(Row(filler.name + ", given back", filler.releasing));
  report.PrintLastSection();
}

void Fill(const StressSetup& setup, const std::string& directory, Report& report) {
  const int rounds = setup.quick ? 1 : 3;
  const std::string size = std::to_string(FillBytes(setup));
  const std::string file = directory + "/file";
  const double gib = static_cast<double>(FillBytes(setup)) / kGiB;
  report.Section(fmt::format("disk fill, {:.2f} GiB allocated", gib));
  std::vector<Filler> allocated = {OurProcess(setup, directory),
                                   Command({"fallocate", "-l", size, file}, file)};
  CompareFills(allocated, rounds, report);
  report.Section(fmt::format("disk fill, {:.2f} GiB written", gib));
  std::vector<Filler> written = {
      OurWriting(setup, directory),
      Command({"dd", "if=/dev/zero", "of=" + file, "bs=1M", "status=none", "iflag=count_bytes",
               "count=" + size, "oflag=direct"},
              file),
      FioWriting(setup, file)};
  CompareFills(written, rounds, report);
}

struct IoCase {
  std::string name;
  std::string fio_rw;
  uint32_t threads;
  uint32_t block_bytes;
  uint32_t read_percent;
  v1::AccessPattern pattern;
};

uint64_t CallsOf(pid_t pid) {
  const std::string io = Require(ReadSmallFile(fmt::format("/proc/{}/io", pid)));
  return NumberAfter(io, "syscr:").value() + NumberAfter(io, "syscw:").value();
}

// Each answers with operations a second.
double WatchOurs(const StressSetup& setup, const IoCase& io, const std::string& directory,
                 double seconds) {
  v1::StressOrder order;
  v1::DiskIo& spec = *order.mutable_disk_io()->mutable_spec();
  spec.set_path(directory);
  spec.set_threads(io.threads);
  spec.set_block_bytes(io.block_bytes);
  spec.set_read_percent(io.read_percent);
  spec.set_pattern(io.pattern);
  spec.set_file_bytes(kFileBytes);
  order.mutable_disk_io()->set_directory(directory + "/.faultd-bench");
  StressProcess process = Require(StressProcess::Start(setup.stress, order));
  while (Require(process.NextEffect()).disk_io().operations() == 0) {
  }
  const uint64_t calls = CallsOf(process.pid());
  const auto begin = steady_clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const uint64_t done = CallsOf(process.pid()) - calls;
  return static_cast<double>(done) /
         std::chrono::duration<double>(steady_clock::now() - begin).count();
}

double WatchFio(const IoCase& io, const std::string& directory, double seconds) {
  const nlohmann::json job = RunFio(
      directory + "/fio.file",
      {fmt::format("--size={}", kFileBytes), "--rw=" + io.fio_rw,
       fmt::format("--rwmixread={}", io.read_percent), fmt::format("--bs={}", io.block_bytes),
       fmt::format("--numjobs={}", io.threads), "--group_reporting", "--norandommap",
       "--randrepeat=0", "--time_based", fmt::format("--runtime={:.0f}ms", seconds * 1000)});
  return job.at("read").at("iops").get<double>() + job.at("write").at("iops").get<double>();
}

void Io(const StressSetup& setup, const std::string& directory, Report& report) {
  const std::vector<IoCase> cases = {
      {"4 KiB random, 70/30, 4 threads", "randrw", 4, 4 << 10, 70, v1::ACCESS_PATTERN_RANDOM},
      {"1 MiB sequential writes, 1 thread", "write", 1, 1 << 20, 0, v1::ACCESS_PATTERN_SEQUENTIAL},
      {"4 KiB random reads, 1 thread", "randread", 1, 4 << 10, 100, v1::ACCESS_PATTERN_RANDOM}};
  const int rounds = setup.quick ? 1 : 10;
  const auto per_thousand = [](double rate) {
    return std::chrono::nanoseconds(static_cast<int64_t>(1e12 / rate));
  };
  report.Section("disk I/O past the page cache, 1000 operations");
  for (const IoCase& io : cases) {
    Samples ours;
    Samples fio;
    for (int round = 0; round < rounds; ++round) {
      ours.Add(per_thousand(WatchOurs(setup, io, directory, setup.seconds / rounds)));
      fio.Add(per_thousand(WatchFio(io, directory, setup.seconds / rounds)));
    }
    report.Add(Row(io.name + ": faultd-stress", ours)).FasterThan("fio", fio, 0.95);
    report.Add(Row(io.name + ": fio", fio));
  }
  report.PrintLastSection();
}

}  // namespace

void BenchDiskStress(const StressSetup& setup, Report& report) {
  constexpr uint64_t kSpare = 8 * kGiB;
  const FileSystemFacts facts = Require(ReadFileSystemOf(setup.directory));
  if (facts.free_bytes < FillBytes(setup) + kSpare) {
    Require(absl::FailedPreconditionError(fmt::format("{} has only {} bytes free; needs {}",
                                                      setup.directory, facts.free_bytes,
                                                      FillBytes(setup) + kSpare)));
  }
  const WorkDirectory directory(setup.directory);
  Fill(setup, directory.path(), report);
  Io(setup, directory.path(), report);
}

}  // namespace faultd::bench

#include "kernel/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/file_io.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "kernel/cgroup.h"

namespace faultd {
namespace {

StatusOr<uint64_t> MemInfo(std::string_view text, std::string_view label) {
  if (const auto kilobytes = NumberAfter(text, label)) return *kilobytes << 10;
  return absl::InternalError(StrCat("/proc/meminfo has no ", label));
}

// Of a file with one number; nullopt if there is none ("max", or no such file).
std::optional<uint64_t> NumberIn(const std::string& path) {
  const auto text = ReadSmallFile(path);
  uint64_t number = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &number)) return std::nullopt;
  return number;
}

// Lowers the facts to what a cgroup's limit allows. Clean page cache does not count as taken.
void ApplyLimit(const std::string& directory, const char* limit_name, const char* usage_name,
                MemoryFacts& facts) {
  const auto limit = NumberIn(StrCat(directory, "/", limit_name));
  const auto usage = NumberIn(StrCat(directory, "/", usage_name));
  if (!limit || !usage || *limit >= facts.total) return;
  uint64_t cache = 0;
  if (const auto stat = ReadSmallFile(StrCat(directory, "/memory.stat")); stat.ok())
    cache = NumberAfter(*stat, "inactive_file ").value_or(0);
  const uint64_t used = *usage - std::min(cache, *usage);
  facts.total = *limit;
  facts.available = std::min(facts.available, *limit - std::min(used, *limit));
}

class LinuxMachine final : public Machine {
 public:
  StatusOr<std::vector<int>> UsableCores() override {
    // A set larger than any machine: the kernel refuses one that is smaller than its own.
    constexpr int kMost = 8192;
    cpu_set_t* set = CPU_ALLOC(kMost);
    const size_t size = CPU_ALLOC_SIZE(kMost);
    CPU_ZERO_S(size, set);
    const bool known = sched_getaffinity(0, size, set) == 0;
    const int error = errno;
    std::vector<int> cores;
    for (int core = 0; known && core < kMost; ++core) {
      if (CPU_ISSET_S(static_cast<size_t>(core), size, set)) cores.push_back(core);
    }
    CPU_FREE(set);
    if (!known) return ErrnoStatus(error, "read CPU affinity");
    return cores;
  }

  StatusOr<double> CpuQuota() override {
    double least = 0;
    const auto allow = [&least](double cores) {
      least = least > 0 ? std::min(least, cores) : cores;
    };
    ASSIGN_OR_RETURN(const OwnCgroups cgroups, cgroups_.Find());
    if (const auto unified = cgroups.Unified()) {
      for (const std::string& directory : Ancestry(*unified)) {
        const auto text = ReadSmallFile(directory + "/cpu.max");
        if (!text.ok()) continue;
        const std::vector<std::string> parts = absl::StrSplit(*text, ' ');
        double quota = 0;
        double period = 0;
        if (parts.size() == 2 && absl::SimpleAtod(parts[0], &quota) &&
            absl::SimpleAtod(parts[1], &period) && period > 0) {
          allow(quota / period);
        }
      }
    }
    if (const auto legacy = cgroups.Legacy("cpu")) {
      for (const std::string& directory : Ancestry(*legacy)) {
        // -1, which is no number here, stands for no limit.
        const auto quota = NumberIn(directory + "/cpu.cfs_quota_us");
        const auto period = NumberIn(directory + "/cpu.cfs_period_us");
        if (quota && period && *period > 0)
          allow(static_cast<double>(*quota) / static_cast<double>(*period));
      }
    }
    return least;
  }

  StatusOr<MemoryFacts> Memory() override {
    ASSIGN_OR_RETURN(const std::string text, ReadSmallFile("/proc/meminfo"));
    MemoryFacts facts;
    ASSIGN_OR_RETURN(facts.total, MemInfo(text, "MemTotal:"));
    ASSIGN_OR_RETURN(facts.available, MemInfo(text, "MemAvailable:"));
    ASSIGN_OR_RETURN(const OwnCgroups cgroups, cgroups_.Find());
    if (const auto unified = cgroups.Unified()) {
      for (const std::string& directory : Ancestry(*unified))
        ApplyLimit(directory, "memory.max", "memory.current", facts);
    }
    if (const auto legacy = cgroups.Legacy("memory")) {
      for (const std::string& directory : Ancestry(*legacy))
        ApplyLimit(directory, "memory.limit_in_bytes", "memory.usage_in_bytes", facts);
    }
    return facts;
  }

 private:
  CgroupFinder cgroups_;
};

}  // namespace

std::unique_ptr<Machine> OpenMachine() { return std::make_unique<LinuxMachine>(); }

}  // namespace faultd

#include "bench/process_usage.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>

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

}  // namespace

ProcessUsage UsageOf(pid_t pid) {
  constexpr double kKilobytes = 1024;
  const fs::path process = fmt::format("/proc/{}", pid);
  ProcessUsage usage;
  usage.rss_mb = ReadKey(process / "smaps_rollup", "Rss") / kKilobytes;
  usage.pss_mb = ReadKey(process / "smaps_rollup", "Pss") / kKilobytes;
  for (const fs::directory_entry& thread : fs::directory_iterator(process / "task")) {
    ++usage.threads;
    for (const char* kind : {"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"}) {
      usage.switches += ReadKey(thread.path() / "status", kind);
    }
  }
  for ([[maybe_unused]] const fs::directory_entry& fd : fs::directory_iterator(process / "fd"))
    ++usage.descriptors;
  return usage;
}

}  // namespace faultd::bench

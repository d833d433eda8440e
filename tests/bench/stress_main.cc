// faultd_stress_bench: how well the real faultd-stress does, beside the programs that people use
// for it. Prints; judges nothing by its exit code.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "bench/require.h"
#include "bench/stress_benches.h"
#include <CLI/CLI.hpp>

namespace faultd::bench {
namespace {

using Bench = void (*)(const StressSetup&, Report&);
const std::vector<std::pair<std::string, Bench>>& Benches() {
  static const std::vector<std::pair<std::string, Bench>> benches = {
      {"cpu", BenchCpuStress},
      {"cpu-total", BenchCpuTotal},
      {"memory", BenchMemoryStress},
      {"disk", BenchDiskStress},
  };
  return benches;
}

void Measure(const StressSetup& setup, const std::vector<std::string>& wanted,
             const std::string& json) {
  Report report;
  for (const auto& [name, bench] : Benches()) {
    if (wanted.empty() || std::count(wanted.begin(), wanted.end(), name) > 0) bench(setup, report);
  }
  if (!json.empty()) Require(report.WriteJson(json));
}

}  // namespace
}  // namespace faultd::bench

int main(int argc, char** argv) try {
  CLI::App command(
      "Measures faultd-stress beside stress-ng and fio. Needs root, and nothing else running.",
      "faultd_stress_bench");
  faultd::bench::StressSetup setup;
  std::string json;
  std::vector<std::string> wanted;
  std::vector<std::string> names;
  for (const auto& [name, bench] : faultd::bench::Benches()) names.push_back(name);
  command.add_option("--stress", setup.stress, "The program faultd-stress")
      ->required()
      ->check(CLI::ExistingFile);
  command.add_option("--directory", setup.directory, "Where to make files: on a real disk")
      ->required()
      ->check(CLI::ExistingDirectory);
  command.add_option("--json", json, "File to write the figures to");
  command.add_option("--seconds", setup.seconds, "How long each load is watched")
      ->check(CLI::Range(0.2, 600.0))
      ->capture_default_str();
  command.add_option("--memory-gib", setup.memory_gib, "How much memory is filled")
      ->check(CLI::Range(0.01, 1024.0))
      ->capture_default_str();
  command.add_option("--memory-rounds", setup.memory_rounds, "Rounds of filling memory")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_flag("--quick", setup.quick, "A little of everything, only to see that it works");
  command.add_option("--disk-gib", setup.disk_gib, "How much of the disk is filled")
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
  command.add_option("benches", wanted, "What to measure")->check(CLI::IsMember(names));
  CLI11_PARSE(command, argc, argv);
  if (setup.quick) setup.seconds = std::min(setup.seconds, 0.5);
  faultd::bench::Measure(setup, wanted, json);
  return 0;
} catch (const std::exception& error) {
  fprintf(stderr, "faultd_stress_bench: %s\n", error.what());
  return 1;
}

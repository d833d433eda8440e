// faultd_bench: how fast the real daemon is, beside the least that its work takes and beside the
// commands that people use for it. Prints; judges nothing by its exit code.
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "bench/commands.h"
#include "bench/measures.h"
#include "bench/requests.h"
#include "bench/require.h"
#include <CLI/CLI.hpp>

namespace faultd::bench {
namespace {

// Before there are threads: they share the namespaces of the first.
void EnterNamespaces() {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
    Require(ErrnoStatus(errno, "make namespaces (needs root)"));
  Run({"ip", "link", "set", "lo", "up"});
  Run({"ip", "link", "add", kInterface, "type", "veth", "peer", "name", "down0"});
  for (const char* end : {kInterface, "down0"}) Run({"ip", "link", "set", end, "up"});
  Run({"ip", "address", "add", "10.9.0.1/24", "dev", kInterface});
  Run({"ip", "route", "add", "default", "via", "10.9.0.2"});
}

using Section = void (*)(const Setup&, Report&);
const std::vector<std::pair<std::string, Section>>& Sections() {
  static const std::vector<std::pair<std::string, Section>> sections = {
      {"start", MeasureStart},       {"idle", MeasureIdle},     {"inject", MeasureInject},
      {"lateness", MeasureLateness}, {"flood", MeasureFlood},   {"crash", MeasureCrash},
      {"stress", MeasureStress},     {"growth", MeasureGrowth}, {"path", MeasurePath},
      {"memory", MeasureMemory},     {"soak", MeasureSoak}};
  return sections;
}

void Measure(const Setup& setup, const std::vector<std::string>& wanted, const std::string& json) {
  EnterNamespaces();
  Report report;
  for (const auto& [name, measure] : Sections()) {
    // The longest is measured only when it is asked for.
    const bool unasked = wanted.empty() && (setup.quick || name != "soak");
    if (unasked || std::count(wanted.begin(), wanted.end(), name) > 0) measure(setup, report);
  }
  if (!json.empty()) Require(report.WriteJson(json));
}

}  // namespace
}  // namespace faultd::bench

int main(int argc, char** argv) try {
  CLI::App command("Measures faultd in a network namespace of its own. Needs root.",
                   "faultd_bench");
  faultd::bench::Setup setup;
  std::string json;
  std::vector<std::string> wanted;
  std::vector<std::string> names;
  for (const auto& [name, measure] : faultd::bench::Sections()) names.push_back(name);
  command.add_option("--programs", setup.programs, "Directory of faultd and faultd-guardian")
      ->required()
      ->check(CLI::ExistingDirectory);
  command.add_option("--directory", setup.directory, "Where to keep journals: on a real disk")
      ->required()
      ->check(CLI::ExistingDirectory);
  command.add_option("--json", json, "File to write the figures to");
  command.add_option("--rounds", setup.rounds, "Rounds of the frequent figures")
      ->check(CLI::Range(3, 100'000))
      ->capture_default_str();
  command.add_option("--minutes", setup.soak_minutes, "How long the soak lasts")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command.add_flag("--quick", setup.quick, "Few rounds, only to see that it works");
  command
      .add_option("sections", wanted,
                  "What to measure, all but the soak unless told: " + absl::StrJoin(names, ", "))
      ->check(CLI::IsMember(names));
  CLI11_PARSE(command, argc, argv);
  if (setup.quick) {
    setup.rounds = 3;
    setup.idle_seconds = 1;
  }
  setup.programs = std::filesystem::absolute(setup.programs);
  setup.directory = std::filesystem::absolute(setup.directory);
  faultd::bench::Measure(setup, wanted, json);
  return 0;
} catch (const std::exception& error) {
  fprintf(stderr, "faultd_bench: %s\n", error.what());
  return 1;
}

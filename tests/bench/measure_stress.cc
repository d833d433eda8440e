#include <fmt/format.h>

#include <algorithm>

#include "bench/daemon.h"
#include "bench/measures.h"
#include "bench/requests.h"
#include "bench/require.h"
#include "kernel/machine.h"

namespace faultd::bench {
namespace {

uint64_t AvailableMemory() { return Require(OpenMachine()->Memory()).available; }

// How soon each kind begins and is over: its process gone and what it held given back.
void MeasureEnds(const Setup& setup, Daemon& daemon, Report& report) {
  const int rounds = std::clamp(setup.rounds / 10, 3, 30);
  struct Case {
    std::string name;
    std::string spec;
  };
  const uint64_t memory = std::min(uint64_t{1} << 30, AvailableMemory() / 4);
  const std::string path = fmt::format("path: \"{}\"", setup.directory);
  const std::vector<Case> cases = {
      {"cpu 50 % on all cores", "cpu { load_percent: 50 }"},
      {fmt::format("memory {} MiB", memory >> 20), fmt::format("memory {{ bytes: {} }}", memory)},
      {"disk_fill 256 MiB", fmt::format("disk_fill {{ {} bytes: {} }}", path, 256 << 20)},
      {"disk_io, 4 threads",
       fmt::format("disk_io {{ {} threads: 4 file_bytes: {} }}", path, 64 << 20)},
  };
  report.Section("stress: from the request to the first report, and until the process is gone");
  int number = 0;
  for (const Case& each : cases) {
    Samples inject, revert;
    for (int i = 0; i < rounds; ++i) {
      const auto request = TextRequest(fmt::format("end-{}", ++number), each.spec);
      Time(inject, [&] { daemon.Inject(request); });
      // Full, so that there is something to give back.
      daemon.WaitForEffect(request.id());
      Time(revert, [&] { daemon.Revert(request.id()); });
    }
    report.Add(Row("InjectFault: " + each.name, inject));
    report.Add(Row("RevertFault: " + each.name, revert)).AimMedian(50);
  }
  report.PrintLastSection();
}

void MeasureAnswers(const Setup& setup, Daemon& daemon, Report& report) {
  const int calls = setup.quick ? 20 : 2000;
  const std::string path = fmt::format("path: \"{}\"", setup.directory);
  Samples calm, stressed;
  for (int i = 0; i < calls; ++i) Time(calm, [&] { daemon.List(); });
  daemon.Inject(TextRequest("cpu", "cpu { load_percent: 100 }"));
  daemon.Inject(TextRequest("memory", "memory { percent_of_available: 25 }"));
  daemon.Inject(TextRequest("fill", fmt::format("disk_fill {{ {} bytes: {} }}", path, 256 << 20)));
  daemon.Inject(TextRequest(
      "io", fmt::format("disk_io {{ {} threads: 16 file_bytes: {} }}", path, 64 << 20)));
  daemon.WaitForEffect("io");
  for (int i = 0; i < calls; ++i) Time(stressed, [&] { daemon.List(); });
  Samples revert;
  Time(revert, [&] { daemon.RevertAll(); });
  report.Section("stress of every kind at 100 %: the daemon answers");
  report.Add(Row("ListFaults, nothing active", calm));
  report.Add(Row("ListFaults under stress", stressed)).AimP99(100).SlowerThan("calm", calm);
  report.Add(Row("RevertAll of the four", revert));
  report.PrintLastSection();
}

}  // namespace

void MeasureStress(const Setup& setup, Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  daemon.guardian_pid();  // found while it is the daemon's only child
  MeasureEnds(setup, daemon, report);
  MeasureAnswers(setup, daemon, report);
  daemon.Stop();
}

}  // namespace faultd::bench

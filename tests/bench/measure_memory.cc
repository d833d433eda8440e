#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <future>
#include <string>
#include <vector>

#include "bench/daemon.h"
#include "bench/measures.h"
#include "bench/process_usage.h"
#include "bench/requests.h"

namespace faultd::bench {
namespace {

constexpr int kClients = 4;
constexpr std::chrono::hours kLease{1};

// Every kind of request of a short life, from several clients at once. `count` injections in all.
void InjectMany(Daemon& daemon, int first, int count) {
  std::atomic<int> next = first;
  std::vector<std::future<void>> clients(kClients);
  for (int client = 0; client < kClients; ++client) {
    clients[static_cast<size_t>(client)] = std::async(std::launch::async, [&, client] {
      for (int i = next++; i < first + count; i = next++) {
        const std::string id = fmt::format("many-{}", i);
        daemon.Inject(i % 10 == 0 ? LossRequest(id, Cidrs(1, client + 1), kLease)
                                  : BlackholeRequest(id, Cidrs(1, client + 1), kLease));
        if (i % 10 == 1) daemon.Get(id);
        if (i % 10 == 2) daemon.List();
        daemon.Revert(id);
      }
    });
  }
  for (auto& client : clients) client.get();
}

void AddRows(Report& report, const std::string& process, int few, const ProcessUsage& before,
             int many, const ProcessUsage& after) {
  const auto name = [&](int injections, const std::string& what) {
    return fmt::format("{} after {} injections: {}", process, injections, what);
  };
  report.Add(Row(name(few, "RSS"), before.rss_mb, "MB"));
  report.Add(Row(name(many, "RSS"), after.rss_mb, "MB")).AimValue(before.rss_mb + 1);
  report.Add(Row(name(few, "descriptors"), before.descriptors, ""));
  report.Add(Row(name(many, "descriptors"), after.descriptors, "")).AimValue(before.descriptors);
  report.Add(Row(name(few, "threads"), before.threads, ""));
  report.Add(Row(name(many, "threads"), after.threads, "")).AimValue(before.threads);
}

}  // namespace

void MeasureMemory(const Setup& setup, Report& report) {
  // 100,000 unless asked for otherwise. What is remembered of faults that are over is full by the
  // tenth part.
  const int many = setup.quick ? 200 : std::max(setup.rounds * 1000 / 3, 10);
  const int few = many / 10;
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  // The link into which blackholed packets go then stays.
  daemon.Inject(BlackholeRequest("standing", Cidrs(1), kLease));
  InjectMany(daemon, 0, few);
  const ProcessUsage daemon_before = UsageOf(daemon.pid());
  const ProcessUsage guardian_before = UsageOf(daemon.guardian_pid());
  InjectMany(daemon, few, many - few);
  report.Section("memory: faults come and go, from four clients at once");
  AddRows(report, "faultd", few, daemon_before, many, UsageOf(daemon.pid()));
  AddRows(report, "guardian", few, guardian_before, many, UsageOf(daemon.guardian_pid()));
  report.PrintLastSection();
  daemon.Stop();
}

}  // namespace faultd::bench

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "bench/daemon.h"
#include "bench/end_monitor.h"
#include "bench/flood.h"
#include "bench/measures.h"
#include "bench/requests.h"

namespace faultd::bench {
namespace {

constexpr int kRequestsASecond = 10'000;

}  // namespace

void MeasureFlood(const Setup& setup, Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  EndMonitor monitor;
  report.Section("flood: a lease ends while one client sends 10,000 bad requests a second");
  Samples quiet, flooded;
  long refused = 0;
  std::chrono::nanoseconds flood_time{0};
  // Taking turns, so that both see the same machine.
  for (int turn = 0; turn < 2 * std::max(1, setup.rounds / 30); ++turn) {
    const bool flooding = turn % 2 == 1;
    std::optional<Flood> flood;
    const auto begin = std::chrono::steady_clock::now();
    if (flooding) flood.emplace(daemon.address(), kRequestsASecond);
    for (int i = 0; i < 10; ++i) {
      const std::string id = fmt::format("flood-{}-{}", turn, i);
      daemon.Inject(BlackholeRequest(id, Cidrs(1), kShortLease));
      (flooding ? flooded : quiet).Add(LatenessOf(id, daemon, monitor));
    }
    if (!flooding) continue;
    refused += flood->refused();
    flood_time += std::chrono::steady_clock::now() - begin;
  }
  report.Add(Row("lateness, nobody else there", quiet));
  report.Add(Row("lateness under the flood", flooded))
      .AimP99(quiet.QuantileMs(0.99) + 5)
      .SlowerThan("without it", quiet);
  report.Add(Row("bad requests refused",
                 static_cast<double>(refused) / std::chrono::duration<double>(flood_time).count(),
                 "/s"));
  report.PrintLastSection();
  daemon.Stop();
}

}  // namespace faultd::bench

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "bench/daemon.h"
#include "bench/measures.h"
#include "bench/process_usage.h"
#include "bench/requests.h"
#include "bench/watchers.h"
#include "engine/journal.h"

namespace faultd::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kLease{1};
constexpr double kMostMegabytes = 64;
constexpr int kTenfold = 10;

using MakeRequest = decltype(&BlackholeRequest);

// What one more fault costs beside those that there are.
struct Costs {
  Samples inject, revert, get, list;
};

std::vector<int> Decades(int last) {
  std::vector<int> decades;
  for (int each = 1; each <= last; each *= kTenfold) decades.push_back(each);
  return decades;
}

// Adds a row, with the ratio to what it took when there was a tenth of that.
void AddGrowth(Report& report, const std::string& name, const Samples& now, const Samples& before) {
  Row row(name, now);
  if (before.count() > 0) row.SlowerThan("with a tenth", before, kTenfold);
  report.Add(row);
}

void AddMemory(Report& report, const std::string& name, Daemon& daemon) {
  report.Add(Row(name + ": RSS of the daemon", UsageOf(daemon.pid()).rss_mb, "MB"))
      .AimValue(kMostMegabytes);
}

Costs CostsBeside(Daemon& daemon, const MakeRequest& make, int cidrs, int active, int rounds) {
  Costs costs;
  for (int i = 0; i < rounds; ++i) {
    const auto request = make(fmt::format("one-{}-{}", active, i), Cidrs(cidrs), kLease);
    Time(costs.inject, [&] { daemon.Inject(request); });
    Time(costs.get, [&] { daemon.Get(request.id()); });
    Time(costs.list, [&] { daemon.List(); });
    Time(costs.revert, [&] { daemon.Revert(request.id()); });
  }
  return costs;
}

void MeasureFaults(const Setup& setup, const std::string& kind, const MakeRequest& make, int cidrs,
                   Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  report.Section(fmt::format("growth: one more {} of {} CIDR{} beside others", kind, cidrs,
                             cidrs == 1 ? "" : "s"));
  const int rounds = std::clamp(setup.rounds / 10, 2, 30);
  int standing = 0;
  Costs before;
  for (const int active : Decades(setup.quick ? 10 : 1000)) {
    for (; standing < active - 1; ++standing) {
      daemon.Inject(
          make(fmt::format("standing-{}", standing), Cidrs(cidrs, cidrs * (standing + 1)), kLease));
    }
    Costs now = CostsBeside(daemon, make, cidrs, active, rounds);
    const auto add = [&](const std::string& call, Samples Costs::* samples) {
      AddGrowth(report, fmt::format("{}, {} active", call, active), now.*samples, before.*samples);
    };
    add("InjectFault", &Costs::inject);
    add("RevertFault, until the answer", &Costs::revert);
    add("GetFault", &Costs::get);
    add("ListFaults of all", &Costs::list);
    AddMemory(report, fmt::format("{} active", active), daemon);
    before = std::move(now);
  }
  Samples all;
  Time(all, [&] { daemon.RevertAll(); });
  report.Add(Row(fmt::format("RevertAll of {}", standing), all));
  report.PrintLastSection();
  daemon.Stop();
}

// Records as a daemon leaves them that was killed, and whose guardian was as well.
void WriteRecords(const std::string& journal, v1::JournalRecord record, int count) {
  for (int i = 0; i < count; ++i) {
    record.set_id(fmt::format("left-{}", i));
    const std::string path = fmt::format("{}/{}.record", journal, record.id());
    std::ofstream(path, std::ios::binary) << EncodeRecord(record);
  }
}

void MeasureRecords(const Setup& setup, Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  daemon.Inject(BlackholeRequest("record", Cidrs(1), kLease));
  const v1::JournalRecord record = daemon.RecordOf("record");
  daemon.Stop();
  report.Section("growth: start with undo records in the journal, until READY=1");
  Samples before;
  for (const int records : Decades(setup.quick ? 100 : 10'000)) {
    Samples start;
    for (int i = 0; i < (setup.quick ? 1 : 3); ++i) {
      WriteRecords(daemon.journal(), record, records);
      Time(start, [&] { daemon.Start(); });
      if (!fs::is_empty(daemon.journal())) throw std::runtime_error("faultd left records behind");
      if (i == 0) AddMemory(report, fmt::format("{} records", records), daemon);
      daemon.Stop();
    }
    AddGrowth(report, fmt::format("{} records", records), start, before);
    before = std::move(start);
  }
  report.PrintLastSection();
}

void MeasureWatchers(const Setup& setup, Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  report.Section("growth: a fault comes and goes while others watch");
  const int rounds = std::clamp(setup.rounds / 3, 2, 100);
  Samples inject_before, told_before;
  for (const int count : Decades(setup.quick ? 10 : 100)) {
    Watchers watchers(daemon.address(), count);
    Samples inject, told;
    for (int i = 0; i < rounds; ++i) {
      const auto request = BlackholeRequest(fmt::format("seen-{}-{}", count, i), Cidrs(1), kLease);
      Time(inject, [&] { daemon.Inject(request); });
      Time(told, [&] {
        daemon.Revert(request.id());
        watchers.WaitUntilOver(request.id());
      });
    }
    const std::string by = fmt::format("{} watcher{}", count, count == 1 ? "" : "s");
    AddGrowth(report, "InjectFault, " + by, inject, inject_before);
    AddGrowth(report, "RevertFault, until all are told, " + by, told, told_before);
    AddMemory(report, by, daemon);
    inject_before = std::move(inject);
    told_before = std::move(told);
  }
  report.PrintLastSection();
  daemon.Stop();
}

void MeasureLargeFaults(const Setup& setup, Report& report) {
  constexpr int kTargets = 10'000;
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  report.Section("growth: blackholes of 10,000 CIDRs");
  const int over = setup.quick ? 2 : 40;
  for (int i = 0; i < over; ++i) {
    daemon.Inject(BlackholeRequest(fmt::format("over-{}", i), Cidrs(kTargets), kLease));
    daemon.Revert(fmt::format("over-{}", i));
  }
  AddMemory(report, fmt::format("{} came and went", over), daemon);
  const int active = setup.quick ? 2 : 10;
  for (int i = 0; i < active; ++i) {
    daemon.Inject(
        BlackholeRequest(fmt::format("active-{}", i), Cidrs(kTargets, i * kTargets), kLease));
  }
  AddMemory(report, fmt::format("{} are active as well", active), daemon);
  report.PrintLastSection();
  daemon.Stop();
}

}  // namespace

void MeasureGrowth(const Setup& setup, Report& report) {
  MeasureFaults(setup, "blackhole", BlackholeRequest, 1, report);
  MeasureFaults(setup, "blackhole", BlackholeRequest, 10, report);
  MeasureFaults(setup, "loss", LossRequest, 1, report);
  MeasureRecords(setup, report);
  MeasureWatchers(setup, report);
  MeasureLargeFaults(setup, report);
}

}  // namespace faultd::bench

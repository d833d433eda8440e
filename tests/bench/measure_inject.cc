#include <fmt/format.h>

#include <algorithm>

#include "bench/daemon.h"
#include "bench/end_monitor.h"
#include "bench/measures.h"
#include "bench/requests.h"
#include "bench/yardsticks.h"

namespace faultd::bench {
namespace {

constexpr std::chrono::minutes kLease{10};

struct Figures {
  Samples inject, revert_effect, revert;
  Samples bare_inject, bare_revert;
  Samples nft_inject, nft_revert, tc_inject, tc_revert;
};

void InjectOnce(Daemon& daemon, EndMonitor& monitor, v1::InjectFaultRequest& request,
                Figures& figures) {
  static int number = 0;
  request.set_id(fmt::format("bench-{}", number++));
  Time(figures.inject, [&] { daemon.Inject(request); });
  monitor.Expect(request.id());
  const BootTime asked = SystemClock().Now();
  Time(figures.revert, [&] { daemon.Revert(request.id()); });
  figures.revert_effect.Add(monitor.Wait() - asked);
}

void AddRows(Report& report, int cidrs, const Figures& figures) {
  // Aims are for what most faults look like; what it takes to load many addresses is the kernel's.
  const bool one = cidrs == 1;
  Row inject("InjectFault, until the answer", figures.inject);
  inject.SlowerThan("bare netlink + record", figures.bare_inject, 3)
      .FasterThan("ip + nft -f", figures.nft_inject, one ? 5 : 0);
  if (one) inject.FasterThan("4 x ip/tc", figures.tc_inject, 5).AimMedian(1);
  if (cidrs == 10'000) inject.AimMedian(20);
  report.Add(inject);
  Row effect("RevertFault, until the effect is over (nft monitor)", figures.revert_effect);
  effect.SlowerThan("bare netlink", figures.bare_revert)
      .FasterThan("nft delete table + ip link del", figures.nft_revert);
  if (one) effect.AimMedian(0.5);
  if (cidrs == 10'000) effect.AimMedian(2);
  report.Add(effect);
  report.Add(Row("RevertFault, until the answer (the link is gone)", figures.revert)).AimP99(50);
  report.Add(Row("bare netlink + record: inject", figures.bare_inject));
  report.Add(Row("bare netlink: end of the effect", figures.bare_revert));
  report.Add(Row("ip link add, nft -f", figures.nft_inject));
  report.Add(Row("nft delete table, ip link del", figures.nft_revert));
  if (!one) return;
  report.Add(Row("4 x ip/tc", figures.tc_inject));
  report.Add(Row("tc qdisc del, ip link del", figures.tc_revert));
}

}  // namespace

void MeasureInject(const Setup& setup, Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  daemon.Start();
  EndMonitor monitor;
  {
    BareNetlink bare(setup.directory, Cidrs(1));
    Samples noop, get_link, record;
    for (int i = 0; i < setup.rounds; ++i) {
      Time(noop, [&] { bare.Noop(); });
      Time(get_link, [&] { bare.GetLink(); });
      Time(record, [&] { bare.WriteRecord(); });
    }
    report.Section("yardsticks");
    report.Add(Row("netlink round trip, NLMSG_NOOP", noop));
    report.Add(Row("netlink round trip, RTM_GETLINK", get_link));
    report.Add(Row("record of 300 bytes: file, fdatasync, rename, fsync of directory", record));
    report.PrintLastSection();
  }
  for (const int cidrs : {1, 100, 1'000, 10'000}) {
    constexpr int kMany = 10'000;
    const int rounds = cidrs == kMany ? std::max(setup.rounds / 3, 2) : setup.rounds;
    BareNetlink bare(setup.directory, Cidrs(cidrs));
    Commands commands(setup.directory, Cidrs(cidrs));
    v1::InjectFaultRequest request = BlackholeRequest("", Cidrs(cidrs), kLease);
    Figures figures;
    for (int i = 0; i < rounds; ++i) {
      InjectOnce(daemon, monitor, request, figures);
      Time(figures.bare_inject, [&] { bare.Inject(); });
      Time(figures.bare_revert, [&] { bare.Revert(); });
      bare.CleanUp();
      Time(figures.nft_inject, [&] { commands.InjectWithNft(); });
      Time(figures.nft_revert, [&] { commands.RevertWithNft(); });
      if (cidrs > 1) continue;
      Time(figures.tc_inject, [&] { commands.InjectWithTc(); });
      Time(figures.tc_revert, [&] { commands.RevertWithTc(); });
    }
    report.Section(fmt::format("blackhole for {} CIDR{}", cidrs, cidrs == 1 ? "" : "s"));
    AddRows(report, cidrs, figures);
    report.PrintLastSection();
  }
  daemon.Stop();
}

}  // namespace faultd::bench

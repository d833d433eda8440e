#include <fmt/format.h>
#include <linux/netlink.h>

#include <algorithm>
#include <thread>

#include "bench/daemon.h"
#include "bench/measures.h"
#include "bench/requests.h"
#include "bench/require.h"
#include "kernel/link_messages.h"
#include "kernel/netlink.h"
#include "kernel/nft_state.h"

namespace faultd::bench {
namespace {

constexpr std::chrono::microseconds kPoll{200};

template <typename Condition>
void WaitFor(Condition condition) {
  while (!condition()) std::this_thread::sleep_for(kPoll);
}

bool HasLinksOfOurs(NetlinkSocket& route) {
  const std::vector<Link> links = Require(DumpLinks(route));
  return std::any_of(links.begin(), links.end(), IsOurs);
}

struct Figures {
  Samples table, links, guardian;
};

// Which is clean first varies, so both clocks run from the kill.
void CrashOnce(Daemon& daemon, int cidrs, Figures& figures) {
  NetlinkSocket route = Require(NetlinkSocket::Open(NETLINK_ROUTE));
  NetlinkSocket netfilter = Require(NetlinkSocket::Open(NETLINK_NETFILTER));
  daemon.Start();
  daemon.Inject(BlackholeRequest("crash", Cidrs(cidrs), std::chrono::hours(1)));
  daemon.guardian_pid();
  const auto killed = std::chrono::steady_clock::now();
  const auto since = [&] { return std::chrono::steady_clock::now() - killed; };
  daemon.Kill();
  WaitFor([&] { return !Require(nft::FindTable(netfilter)).has_value(); });
  figures.table.Add(since());
  WaitFor([&] { return !HasLinksOfOurs(route); });
  figures.links.Add(since());
  daemon.WaitUntilGone();
  figures.guardian.Add(since());
}

}  // namespace

void MeasureCrash(const Setup& setup, Report& report) {
  Daemon daemon(setup.programs, setup.directory);
  report.Section("crash: from SIGKILL of the daemon (polled every 0.2 ms)");
  const int rounds = std::max(setup.rounds / 6, 1);
  for (const int cidrs : {1, 10'000}) {
    Figures figures;
    for (int i = 0; i < rounds; ++i) CrashOnce(daemon, cidrs, figures);
    report.Add(Row(fmt::format("{} CIDRs: the effect is over (no table)", cidrs), figures.table));
    report.Add(Row(fmt::format("{} CIDRs: clean (no link of ours either)", cidrs), figures.links))
        .AimP99(100);
    report.Add(
        Row(fmt::format("{} CIDRs: the guardian is done and gone", cidrs), figures.guardian));
  }
  report.PrintLastSection();
}

}  // namespace faultd::bench

#include "kernel/qdiscs.h"

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <utility>

#include "kernel/modules.h"
#include "kernel/netem_distribution.h"
#include "kernel/qdiscs_linux.h"

namespace faultd {
namespace {

using Bytes = std::span<const std::byte>;
using std::chrono::nanoseconds;

constexpr std::string_view kKind = "netem";
constexpr uint32_t kHandle = 0x10000;  // 1:
constexpr uint32_t kWhole = std::numeric_limits<uint32_t>::max();
constexpr int64_t kNsPerTick = 64;  // PSCHED_SHIFT of net/pkt_sched.h

uint32_t ToFraction(double probability) {
  return static_cast<uint32_t>(std::llround(std::clamp(probability, 0.0, 1.0) * kWhole));
}

double FromFraction(uint32_t fraction) { return static_cast<double>(fraction) / kWhole; }

uint32_t ToTicks(nanoseconds time) {
  return static_cast<uint32_t>(std::min<int64_t>(time.count() / kNsPerTick, kWhole));
}

template <typename T>
void PutStruct(NetlinkMessage& message, int type, const T& value) {
  message.Put(type, &value, sizeof(value));
}

// The attributes of sch_netem.c; those for what faults do not use are sent as well, with the value
// that turns it off.
void PutNetem(NetlinkMessage& message, const Netem& netem) {
  const bool bursts = netem.burst_loss.has_value();
  message.PutHeader(tc_netem_qopt{.latency = ToTicks(netem.delay),
                                  .limit = netem.limit,
                                  .loss = bursts ? 0 : ToFraction(netem.loss),
                                  .gap = 0,
                                  .duplicate = 0,
                                  .jitter = ToTicks(netem.jitter)});
  message.PutU64(TCA_NETEM_LATENCY64, static_cast<uint64_t>(netem.delay.count()));
  message.PutU64(TCA_NETEM_JITTER64, static_cast<uint64_t>(netem.jitter.count()));
  PutStruct(message, TCA_NETEM_CORR,
            tc_netem_corr{.delay_corr = ToFraction(netem.delay_correlation),
                          .loss_corr = ToFraction(netem.loss_correlation),
                          .dup_corr = 0});
  PutStruct(message, TCA_NETEM_REORDER, tc_netem_reorder{});
  PutStruct(message, TCA_NETEM_CORRUPT, tc_netem_corrupt{});
  PutStruct(message, TCA_NETEM_RATE, tc_netem_rate{});
  message.PutU32(TCA_NETEM_ECN, 0);
  // netem keeps its table until it gets another, so the uniform distribution is sent as one too.
  if (netem.jitter > nanoseconds::zero()) {
    const auto table = NetemDistributionTable(netem.distribution);
    message.Put(TCA_NETEM_DELAY_DIST, table.data(), table.size_bytes());
  }
  // Without this attribute netem goes back to independent losses by itself.
  if (bursts) {
    const tc_netem_gemodel model{.p = ToFraction(netem.burst_loss->good_to_bad),
                                 .r = ToFraction(netem.burst_loss->bad_to_good),
                                 .h = kWhole - ToFraction(netem.burst_loss->loss_in_bad),
                                 .k1 = ToFraction(netem.burst_loss->loss_in_good)};
    message.Nest(TCA_NETEM_LOSS, [&] { PutStruct(message, NETEM_LOSS_GE, model); });
  }
}

Netem ParseNetem(Bytes options) {
  const auto basic = PayloadAs<tc_netem_qopt>(options);
  Netem netem{.delay = nanoseconds(basic.latency * kNsPerTick),
              .jitter = nanoseconds(basic.jitter * kNsPerTick),
              .loss = FromFraction(basic.loss),
              .limit = basic.limit};
  if (options.size() <= sizeof(basic)) return netem;
  ForEachAttribute(options.subspan(sizeof(basic)), [&](int type, Bytes data) {
    if (type == TCA_NETEM_LATENCY64) netem.delay = nanoseconds(PayloadAs<int64_t>(data));
    if (type == TCA_NETEM_JITTER64) netem.jitter = nanoseconds(PayloadAs<int64_t>(data));
    if (type == TCA_NETEM_CORR) {
      const auto correlations = PayloadAs<tc_netem_corr>(data);
      netem.delay_correlation = FromFraction(correlations.delay_corr);
      netem.loss_correlation = FromFraction(correlations.loss_corr);
    }
    if (type != TCA_NETEM_LOSS) return;
    ForEachAttribute(data, [&](int model_type, Bytes value) {
      if (model_type != NETEM_LOSS_GE) return;
      const auto model = PayloadAs<tc_netem_gemodel>(value);
      netem.burst_loss = BurstLoss{.good_to_bad = FromFraction(model.p),
                                   .bad_to_good = FromFraction(model.r),
                                   .loss_in_bad = FromFraction(kWhole - model.h),
                                   .loss_in_good = FromFraction(model.k1)};
    });
  });
  return netem;
}

void ParseStatistics(Bytes statistics, NetemState& state) {
  uint64_t packets = 0;
  uint64_t packets64 = 0;  // sent when there are more than 32 bits hold
  ForEachAttribute(statistics, [&](int type, Bytes data) {
    if (type == TCA_STATS_BASIC) packets = PayloadAs<gnet_stats_basic>(data).packets;
    if (type == TCA_STATS_PKT64) packets64 = PayloadAs<uint64_t>(data);
    if (type != TCA_STATS_QUEUE) return;
    const auto queue = PayloadAs<gnet_stats_queue>(data);
    state.packets_dropped = queue.drops;
    state.packets_overlimit = queue.overlimits;
    state.packets_queued = queue.qlen;
  });
  state.packets_sent = std::max(packets, packets64);
}

std::optional<NetemState> ParseQdisc(Bytes attributes) {
  std::string_view kind;
  Bytes options;
  NetemState state;
  ForEachAttribute(attributes, [&](int type, Bytes data) {
    if (type == TCA_KIND) kind = PayloadString(data);
    if (type == TCA_OPTIONS) options = data;
    if (type == TCA_STATS2) ParseStatistics(data, state);
  });
  if (kind != kKind) return std::nullopt;
  state.netem = ParseNetem(options);
  return state;
}

bool Near(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

bool Near(nanoseconds a, nanoseconds b) {
  return Near(static_cast<double>(a.count()), static_cast<double>(b.count()), 1000);
}

}  // namespace

bool SameWithinRounding(const Netem& seen, const Netem& set) {
  return Near(seen.delay, set.delay) && Near(seen.jitter, set.jitter) &&
         Near(seen.loss, set.loss, 1e-6) &&
         seen.burst_loss.has_value() == set.burst_loss.has_value() && seen.limit == set.limit;
}

LinuxQdiscs::LinuxQdiscs(NetlinkSocket socket) : socket_(std::move(socket)) {}

Status LinuxQdiscs::SetNetem(int ifindex, const Netem& netem) {
  NetlinkMessage message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, 16384);
  message.PutHeader(tcmsg{.tcm_family = AF_UNSPEC,
                          .tcm_ifindex = ifindex,
                          .tcm_handle = kHandle,
                          .tcm_parent = TC_H_ROOT});
  message.PutString(TCA_KIND, kKind);
  message.Nest(TCA_OPTIONS, [&] { PutNetem(message, netem); });
  const std::string attempt = StrCat("set netem on interface ", ifindex);
  Status status = socket_.Execute(message, attempt);
  // What qdisc_create() answers for a kind that it does not know; no interface is ENODEV.
  if (ErrnoOf(status) == ENOENT) {
    RETURN_IF_ERROR(LoadMissingModule("sch_netem"));
    status = socket_.Execute(message, attempt);
  }
  return status;
}

StatusOr<std::map<int, NetemState>> LinuxQdiscs::ListNetem() {
  NetlinkMessage message(RTM_GETQDISC, NLM_F_DUMP);
  message.PutHeader(tcmsg{.tcm_family = AF_UNSPEC});
  std::map<int, NetemState> found;
  RETURN_IF_ERROR(socket_.Query(
      message, "list qdiscs",
      [&](const nlmsghdr* answer) {
        const auto header = HeaderOf<tcmsg>(answer);
        if (header.tcm_parent != TC_H_ROOT) return;
        if (auto state = ParseQdisc(AttributesOf(answer, sizeof(header))))
          found[header.tcm_ifindex] = *std::move(state);
      },
      [&] { found.clear(); }));
  return found;
}

StatusOr<std::unique_ptr<Qdiscs>> OpenQdiscs() {
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  return std::make_unique<LinuxQdiscs>(std::move(socket));
}

}  // namespace faultd

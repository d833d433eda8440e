#include "rpc/probe_messages.h"

#include "base/proto_time.h"

namespace faultd {
namespace {

const char* NameOf(ProbeKind kind) {
  switch (kind) {
    case ProbeKind::kTcp:
      return "tcp";
    case ProbeKind::kHttp:
      return "http";
    case ProbeKind::kDns:
      return "dns";
  }
  return "";
}

v1::ProbeResult Describe(const ProbeHistory& history, const ProbeResult& result) {
  v1::ProbeResult message;
  message.set_probe(history.config.name);
  *message.mutable_time() = ToTimestamp(result.wall_time);
  message.set_up(result.up);
  *message.mutable_latency() = ToProto(result.latency);
  message.set_error(result.error);
  return message;
}

}  // namespace

v1::ProbeResult DescribeLastResult(const ProbeHistory& history) {
  return Describe(history, history.results.back());
}

v1::Probe DescribeProbe(const ProbeHistory& history) {
  v1::Probe probe;
  probe.set_name(history.config.name);
  probe.set_kind(NameOf(history.config.kind));
  probe.set_target(history.config.target);
  *probe.mutable_interval() = ToProto(history.config.interval);
  *probe.mutable_timeout() = ToProto(history.config.timeout);
  probe.set_state(!history.known() ? v1::PROBE_STATE_UNKNOWN
                  : history.up()   ? v1::PROBE_STATE_UP
                                   : v1::PROBE_STATE_DOWN);
  probe.set_consecutive(history.consecutive);
  for (const ProbeResult& result : history.results)
    *probe.add_results() = Describe(history, result);
  return probe;
}

}  // namespace faultd

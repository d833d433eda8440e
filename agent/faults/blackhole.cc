// Blackhole: packets are forwarded to a link that is down, where they vanish without a trace.
#include "faults/net/network_fault.h"

namespace faultd {
namespace {

Status Validate(const v1::Blackhole&) { return absl::OkStatus(); }

PacketEffect EffectOf(const v1::Blackhole&) { return {.blackhole = true, .netem = {}}; }

std::string WordsFor(const v1::Blackhole&) { return "blackhole"; }

Capability Report(Host& host) { return NetworkCapability(host, /*needs_netem=*/false); }

}  // namespace

DEFINE_NETWORK_FAULT(blackhole, Report);

}  // namespace faultd

#include "support/fake_kernel_state.h"

#include "absl/strings/str_join.h"

namespace faultd {
namespace {

constexpr size_t kRangesShown = 4;

std::ostream& operator<<(std::ostream& out, PortRange ports) {
  return out << ports.first << "-" << ports.last;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const PacketMatch& match) {
  size_t shown = 0;
  for (const IpRange& range : match.remote.ranges()) {
    if (++shown > kRangesShown) {
      out << "… (" << match.remote.ranges().size() << " ranges)";
      break;
    }
    out << IpAddress{match.family(), range.first}.ToString() << "-"
        << IpAddress{match.family(), range.last}.ToString() << " ";
  }
  return out << "protocol " << static_cast<int>(match.protocol) << " ports " << match.remote_ports
             << " local " << match.local_ports << " flows " << int{match.flows_percent} << "%";
}

std::ostream& operator<<(std::ostream& out, const Netem& netem) {
  out << "delay " << netem.delay.count() << "ns jitter " << netem.jitter.count() << "ns/"
      << netem.delay_correlation << "/" << static_cast<int>(netem.distribution) << " loss "
      << netem.loss << "/" << netem.loss_correlation;
  if (const auto& burst = netem.burst_loss) {
    out << " bursts " << burst->good_to_bad << "/" << burst->bad_to_good << "/"
        << burst->loss_in_bad << "/" << burst->loss_in_good;
  }
  return out << " limit " << netem.limit;
}

std::ostream& operator<<(std::ostream& out, const KernelState& state) {
  for (const auto& [index, link] : state.links) {
    out << "\n  link " << index << " " << link.name << (link.up ? " up" : " down");
    if (auto netem = state.netem.find(index); netem != state.netem.end()) {
      out << " netem " << netem->second;
    }
  }
  for (const SteeringChain& chain : state.table) {
    out << "\n  chain on "
        << chain.interface << (chain.direction == Direction::kEgress ? " egress" : " ingress")
        << ", " << chain.protect.size() << " protected";
    for (const SteeringRule& rule : chain.rules) {
      out << "\n    rule to link " << rule.link_index << " share " << rule.share << " of "
          << absl::StrJoin(rule.counters, ",");
      for (const PacketMatch& match : rule.match) out << "\n      " << match;
      for (const PacketMatch& except : rule.except) out << "\n      but " << except;
    }
  }
  out << "\n  clsact on: " << absl::StrJoin(state.hooks, " ")
      << "\n  default routes: " << absl::StrJoin(state.default_routes, " ")
      << "\n  stress processes: " << absl::StrJoin(state.stress_processes, " ")
      << "\n  cgroups: " << absl::StrJoin(state.cgroups, " ")
      << "\n  directories: " << absl::StrJoin(state.tagged_directories, " ") << "\n";
  return out;
}

}  // namespace faultd

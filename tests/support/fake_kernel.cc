#include "support/fake_kernel.h"

#include <algorithm>

#include "base/strings.h"

namespace faultd {

const NetworkFeatures& FakeKernel::features(bool again) {
  if (again && features_later_) features_ = *features_later_;
  return features_;
}

int FakeKernel::AddInterface(const std::string& name, bool default_route, uint64_t speed_bps) {
  const int index = next_index_++;
  state_.links[index] = {.index = index, .name = name, .up = true};
  if (default_route) state_.default_routes.insert(name);
  speeds_[name] = speed_bps;
  return index;
}

// What hangs on an interface goes with it.
void FakeKernel::RemoveInterface(const std::string& name) {
  std::erase_if(state_.links, [&](const auto& each) { return each.second.name == name; });
  std::erase_if(state_.table, [&](const SteeringChain& chain) { return chain.interface == name; });
  state_.hooks.erase(name);
  state_.default_routes.erase(name);
}

void FakeKernel::RemoveLink(int index) {
  state_.links.erase(index);
  state_.netem.erase(index);
  queued_.erase(index);
  sent_.erase(index);
  deleting_.erase(index);
}

void FakeKernel::SetFeatures(NetworkFeatures now, NetworkFeatures later) {
  features_ = std::move(now);
  features_later_ = std::move(later);
}

void FakeKernel::RemoveNetem() {
  NetworkFeatures none;
  none.netem = PreconditionError("MODULE", "sch_netem",
                                 "kernel module sch_netem is missing: install some-package");
  SetFeatures(none, none);
}

void FakeKernel::FinishBackground() {
  const auto deleting = deleting_;
  for (const auto& [index, lists] : deleting) {
    if (lists > 0) RemoveLink(index);
  }
}

void FakeKernel::Crash() {
  deleting_.clear();
  steering_.owned_hooks_.clear();
  stress_.Forget();
  if (kind_ == SteeringKind::kNftables) {
    state_.table.clear();
    counters_.clear();
  }
}

void FakeKernel::Reboot() {
  Crash();
  state_.table.clear();
  state_.hooks.clear();
  state_.cgroups.clear();
  std::vector<int> ours;
  for (const auto& [index, link] : state_.links) {
    if (!link.kind.empty()) ours.push_back(index);
  }
  for (int index : ours) RemoveLink(index);
}

Netem* FakeKernel::FindNetem(int index) {
  auto found = state_.netem.find(index);
  return found == state_.netem.end() ? nullptr : &found->second;
}

const SteeringRule* FakeKernel::RuleFor(const std::string& interface, Direction direction,
                                        const Packet& packet) const {
  const auto matches = [&](const PacketMatch& match) { return match.Matches(packet); };
  for (const SteeringChain& chain : state_.table) {
    if (chain.interface != interface || chain.direction != direction) continue;
    if (std::ranges::any_of(chain.protect, matches)) return nullptr;
    for (const SteeringRule& rule : chain.rules) {
      if (std::ranges::any_of(rule.match, matches) && std::ranges::none_of(rule.except, matches)) {
        return &rule;
      }
    }
  }
  return nullptr;
}

FakeKernel::Fate FakeKernel::FateOf(const std::string& interface, Direction direction,
                                    const Packet& packet) const {
  const SteeringRule* rule = RuleFor(interface, direction, packet);
  if (rule == nullptr) return {};
  Fate fate{.share = rule->share, .link_index = rule->link_index};
  if (auto netem = state_.netem.find(rule->link_index); netem != state_.netem.end()) {
    fate.netem = netem->second;
  }
  fate.netem.limit = Netem{}.limit;
  const auto link = state_.links.find(rule->link_index);
  fate.vanishes = link == state_.links.end() || !link->second.up || fate.netem == Netem{.loss = 1};
  if (fate.vanishes) fate.netem = {};
  return fate;
}

void FakeKernel::Send(const std::string& interface, Direction direction, const Packet& packet,
                      uint64_t packets, uint64_t bytes) {
  const SteeringRule* rule = RuleFor(interface, direction, packet);
  if (rule == nullptr) return;
  for (const std::string& name : rule->counters) {
    counters_[name].packets += packets;
    counters_[name].bytes += bytes;
  }
  const auto forwarded = static_cast<uint64_t>(static_cast<double>(packets) * rule->share);
  for (const std::string& name : rule->forwarded_counters) counters_[name].packets += forwarded;
  sent_[rule->link_index] += forwarded;
}

}  // namespace faultd

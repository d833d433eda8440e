// Steering of the fake kernel, of both kinds.
#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "base/strings.h"
#include "support/fake_kernel.h"

namespace faultd {
namespace {

constexpr size_t kMostCounters = 64;

void Require(bool condition, std::string_view rule) {
  if (!condition) throw std::logic_error(StrCat("Steering::Apply: ", rule));
}

void CheckMatch(const PacketMatch& match) {
  Require(!match.remote.empty(), "a match without addresses");
  Require(match.flows_percent >= 1 && match.flows_percent <= 100, "flows_percent out of range");
  const bool ports = !match.remote_ports.IsAll() || !match.local_ports.IsAll();
  Require(!ports || match.protocol == Protocol::kTcp || match.protocol == Protocol::kUdp,
          "ports without tcp or udp");
}

void CheckCounter(const std::string& name) {
  Require(!name.empty() && name.size() <= 64, "name of a counter has not 1 to 64 characters");
  Require(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") == std::string::npos,
          "name of a counter has other characters than allowed");
}

}  // namespace

std::string_view FakeKernel::FakeSteering::name() const {
  return kernel_.kind_ == SteeringKind::kNftables ? "nftables" : "flower";
}

void FakeKernel::FakeSteering::Check(const SteeringTable& table) const {
  std::set<std::pair<std::string, Direction>> places;
  for (const SteeringChain& chain : table) {
    Require(places.emplace(chain.interface, chain.direction).second,
            "two chains for one interface and direction");
    for (const PacketMatch& match : chain.protect) CheckMatch(match);
    for (const SteeringRule& rule : chain.rules) {
      Require(!rule.match.empty(), "a rule without a match");
      Require(rule.share > 0 && rule.share <= 1, "share out of range");
      Require(kernel_.state_.links.contains(rule.link_index), "a rule to a link that is not there");
      Require(IsOurs(kernel_.state_.links.at(rule.link_index)), "a rule to somebody else's link");
      Require(Supports(rule).ok(), "a rule that is not supported");
      std::ranges::for_each(rule.match, CheckMatch);
      std::ranges::for_each(rule.except, CheckMatch);
      std::ranges::for_each(rule.counters, CheckCounter);
      std::ranges::for_each(rule.forwarded_counters, CheckCounter);
    }
  }
}

Status FakeKernel::FakeSteering::Apply(const SteeringTable& table) {
  Status status = AddHooks(table);
  if (status.ok())
    status = kernel_.script_.Run(
        StrCat("apply steering with ", table.size(), table.size() == 1 ? " chain" : " chains"),
        [&]() -> Status {
          Check(table);
          for (const SteeringChain& chain : table) {
            const auto link = kernel_.state_.links.find(chain.ifindex);
            if (link == kernel_.state_.links.end() || link->second.name != chain.interface) {
              return ErrnoStatus(ENODEV, StrCat("steer on ", chain.interface));
            }
          }
          Set(table);
          return absl::OkStatus();
        });
  if (!status.ok() && kernel_.kind_ == SteeringKind::kFlower) Set({});
  return status;
}

// A step of its own with flower: a process can die between hook and filters.
Status FakeKernel::FakeSteering::AddHooks(const SteeringTable& table) {
  if (kernel_.kind_ != SteeringKind::kFlower) return absl::OkStatus();
  for (const SteeringChain& chain : table) {
    if (chain.rules.empty() || kernel_.state_.hooks.contains(chain.interface)) continue;
    RETURN_IF_ERROR(kernel_.script_.Run("add clsact to " + chain.interface, [&] {
      kernel_.state_.hooks.insert(chain.interface);
      owned_hooks_.insert(chain.interface);
      return absl::OkStatus();
    }));
  }
  return absl::OkStatus();
}

void FakeKernel::FakeSteering::Set(SteeringTable table) {
  std::erase_if(table, [](const SteeringChain& chain) { return chain.rules.empty(); });
  std::set<std::string> used;
  std::set<std::string> counters;
  for (const SteeringChain& chain : table) {
    used.insert(chain.interface);
    for (const SteeringRule& rule : chain.rules) {
      counters.insert(rule.counters.begin(), rule.counters.end());
      counters.insert(rule.forwarded_counters.begin(), rule.forwarded_counters.end());
    }
  }
  std::erase_if(kernel_.counters_,
                [&](const auto& each) { return !counters.contains(each.first); });
  for (const std::string& name : counters) kernel_.counters_.try_emplace(name);
  if (kernel_.kind_ == SteeringKind::kFlower) {
    std::erase_if(owned_hooks_, [&](const std::string& name) {
      return !used.contains(name) && (kernel_.state_.hooks.erase(name), true);
    });
  }
  kernel_.state_.table = std::move(table);
}

StatusOr<SteeringState> FakeKernel::FakeSteering::Read() {
  return kernel_.script_.Run("read steering", [&]() -> StatusOr<SteeringState> {
    SteeringState state;
    state.present = !kernel_.state_.table.empty();
    for (const SteeringChain& chain : kernel_.state_.table) {
      state.rules += chain.rules.size();
      if (kernel_.kind_ == SteeringKind::kFlower) {
        state.names.push_back(
            StrCat("flower filters on ", chain.interface,
                   chain.direction == Direction::kEgress ? " egress" : " ingress"));
      }
    }
    if (state.present && kernel_.kind_ == SteeringKind::kNftables) {
      state.names = {"nftables table faultd"};
    }
    state.counters = kernel_.counters_;
    return state;
  });
}

Status FakeKernel::FakeSteering::Supports(const SteeringRule& rule) const {
  if (rule.counters.size() + rule.forwarded_counters.size() > kMostCounters) {
    return absl::FailedPreconditionError("more than 64 counters");
  }
  if (kernel_.kind_ == SteeringKind::kNftables) return absl::OkStatus();
  const auto by_flow = [](const PacketMatch& match) { return match.flows_percent < 100; };
  if (std::ranges::any_of(rule.match, by_flow) || std::ranges::any_of(rule.except, by_flow)) {
    return absl::FailedPreconditionError("flows_percent needs nftables");
  }
  if (rule.share < 1) return absl::FailedPreconditionError("loss without netem needs nftables");
  return absl::OkStatus();
}

StatusOr<std::vector<OwnHook>> FakeKernel::FakeSteering::HooksToOwn(
    const std::vector<std::string>& names) {
  return kernel_.script_.Run("list hooks", [&]() -> StatusOr<std::vector<OwnHook>> {
    std::vector<OwnHook> hooks;
    for (const std::string& name : names) {
      const bool ours = owned_hooks_.contains(name) || !kernel_.state_.hooks.contains(name);
      if (kernel_.kind_ == SteeringKind::kFlower && ours) hooks.push_back({name, 0});
    }
    return hooks;
  });
}

void FakeKernel::FakeSteering::AdoptHooks(const std::vector<OwnHook>& hooks) {
  if (kernel_.kind_ != SteeringKind::kFlower) return;
  for (const OwnHook& hook : hooks) owned_hooks_.insert(hook.interface);
}

}  // namespace faultd

#include "kernel/flower_counters.h"

#include <utility>

namespace faultd::flower {
namespace {

std::set<std::string> NamesOf(const SteeringRule& rule) {
  std::set<std::string> names(rule.counters.begin(), rule.counters.end());
  names.insert(rule.forwarded_counters.begin(), rule.forwarded_counters.end());
  return names;
}

}  // namespace

std::map<std::string, PacketCounter> Counters::Sum(const Actions& actions) const {
  std::map<std::string, PacketCounter> sum = retired_;
  for (const auto& [action, counter] : actions) {
    const auto names = names_.find(action);
    if (names == names_.end()) continue;
    for (const std::string& name : names->second) {
      sum[name].packets += counter.packets;
      sum[name].bytes += counter.bytes;
    }
  }
  return sum;
}

void Counters::Begin(const SteeringTable& table,
                     const std::map<uint32_t, const SteeringRule*>& rules) {
  std::map<std::string, PacketCounter> kept;
  for (const SteeringChain& chain : table) {
    for (const SteeringRule& rule : chain.rules) {
      for (const std::string& name : NamesOf(rule)) kept[name] = retired_[name];
    }
  }
  retired_ = std::move(kept);
  names_.clear();
  for (const auto& [action, rule] : rules) names_[action] = NamesOf(*rule);
}

}  // namespace faultd::flower

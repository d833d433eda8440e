#include "kernel/nft_chains.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cmath>

namespace faultd::nft {
namespace {

// Shares are kept to nine digits.
constexpr uint32_t kShareModulus = 1'000'000'000;

uint32_t ShareThreshold(double share) {
  return static_cast<uint32_t>(
      std::clamp(std::llround(share * kShareModulus), 1LL, kShareModulus - 1LL));
}

bool HasIpv6(const SteeringRule& rule) {
  return std::ranges::any_of(
      rule.match, [](const PacketMatch& match) { return match.family() == Family::kIpv6; });
}

}  // namespace

void AddActionChain(Batch& batch, std::string_view name, const Action& action) {
  batch.AddChain(name);
  batch.AddRule(name, [&](RuleWriter& writer) {
    for (const std::string& counter : action.counters) writer.Count(counter);
    if (action.share < 1) {
      writer.Random(kShareModulus, NFT_REG_1);
      writer.Compare32(NFT_REG_1, NFT_CMP_LT, ShareThreshold(action.share));
    }
    for (const std::string& counter : action.forwarded_counters) writer.Count(counter);
    writer.Forward(action.link_index);
  });
  if (action.share < 1) {
    batch.AddRule(name, [](RuleWriter& writer) { writer.Verdict(NF_ACCEPT); });
  }
}

std::string BaseChainName(const SteeringChain& chain) {
  return StrCat(chain.direction == Direction::kEgress ? "egress_" : "ingress_", chain.interface,
                "_", chain.ifindex);
}

void AddChainRules(Batch& batch, const SteeringChain& chain, NameCounter& names,
                   const SetNamer& set_name, const ActionNamer& action_name) {
  const std::string base = BaseChainName(chain);
  const auto add_matches = [&](std::string_view in, const std::vector<PacketMatch>& matches,
                               const std::function<void(RuleWriter&)>& verdict) {
    for (const PacketMatch& match : matches) {
      AddMatchRules(batch, in, match, chain.direction, set_name, verdict);
    }
  };
  if (std::ranges::any_of(chain.rules, HasIpv6)) AddNeighbourDiscoveryRule(batch, base);
  add_matches(base, chain.protect, [](RuleWriter& rule) { rule.Verdict(NF_ACCEPT); });
  for (const SteeringRule& rule : chain.rules) {
    const std::string action = action_name(rule);
    const auto act = [&](RuleWriter& writer) { writer.Verdict(NFT_GOTO, action); };
    if (rule.except.empty()) {
      add_matches(base, rule.match, act);
      continue;
    }
    // What is excepted returns to the base chain, as does what is not hit, and so meets the next
    // rule.
    const std::string exceptions = names.Next(kClassChainPrefix);
    batch.AddChain(exceptions);
    add_matches(exceptions, rule.except, [](RuleWriter& writer) { writer.Verdict(NFT_RETURN); });
    add_matches(exceptions, rule.match, act);
    batch.AddRule(base, [&](RuleWriter& writer) { writer.Verdict(NFT_JUMP, exceptions); });
  }
}

}  // namespace faultd::nft

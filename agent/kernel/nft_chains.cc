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

void AddSegmentRules(Batch& batch, const Segment& segment, const SetNamer& set_name) {
  const auto add_matches = [&](std::string_view chain, const std::vector<PacketMatch>& matches,
                               const std::function<void(RuleWriter&)>& verdict) {
    for (const PacketMatch& match : matches) {
      AddMatchRules(batch, chain, match, segment.direction, set_name, verdict);
    }
  };
  for (size_t i = 0; i < segment.rules.size(); ++i) {
    const SteeringRule& rule = segment.rules[i];
    const auto act = [&](RuleWriter& writer) { writer.Verdict(NFT_GOTO, segment.actions[i]); };
    if (rule.except.empty()) {
      add_matches(segment.chain, rule.match, act);
      continue;
    }
    // What is excepted returns to the segment, as does what is not hit, and so meets the next rule.
    const std::string& exceptions = segment.classes[i];
    batch.AddChain(exceptions);
    add_matches(exceptions, rule.except, [](RuleWriter& writer) { writer.Verdict(NFT_RETURN); });
    add_matches(exceptions, rule.match, act);
    batch.AddRule(segment.chain, [&](RuleWriter& writer) { writer.Verdict(NFT_JUMP, exceptions); });
  }
}

void AddBaseRules(Batch& batch, const SteeringChain& chain,
                  const std::vector<std::string_view>& segments, const SetNamer& set_name) {
  const std::string base = BaseChainName(chain);
  if (std::ranges::any_of(chain.rules, HasIpv6)) AddNeighbourDiscoveryRule(batch, base);
  for (const PacketMatch& match : chain.protect) {
    AddMatchRules(batch, base, match, chain.direction, set_name,
                  [](RuleWriter& rule) { rule.Verdict(NF_ACCEPT); });
  }
  for (const std::string_view segment : segments) {
    batch.AddRule(base, [&](RuleWriter& writer) { writer.Verdict(NFT_JUMP, segment); });
  }
}

}  // namespace faultd::nft

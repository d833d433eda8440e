#include "kernel/nft_plan.h"

#include <algorithm>
#include <functional>
#include <span>
#include <tuple>

#include "kernel/nft_match.h"

namespace faultd::nft {
namespace {

// Where segments end depends on the rules near by alone: a rule that comes or goes changes one of
// them, or a few, and not those behind. Fewer rules than the least are not worth a jump.
constexpr size_t kLeastRules = 16;
constexpr size_t kMostRules = 64;
constexpr size_t kOneEndsOf = 16;

bool MayEndSegment(const SteeringRule& rule) {
  size_t hash = 0;
  for (const std::string& counter : rule.counters) {
    hash = hash * 31 + std::hash<std::string>()(counter);
  }
  return hash % kOneEndsOf == 0;
}

// Takes the next segment from the front of `rules`; nothing when what is left does not fill one.
std::span<const SteeringRule> TakeSegment(std::span<const SteeringRule>& rules) {
  for (size_t count = kLeastRules; count <= rules.size(); ++count) {
    if (count < kMostRules && !MayEndSegment(rules[count - 1])) continue;
    const auto taken = rules.first(count);
    rules = rules.subspan(count);
    return taken;
  }
  return {};
}

class Planner {
 public:
  Planner(const Plan& before, NameCounter& names) : before_(before), names_(names) {
    for (const auto& [action, chain] : before.actions) spare_actions_.emplace(action, chain);
    for (const Segment& segment : before.segments) {
      if (!segment.in_base()) kept_segments_.emplace(segment.actions.front(), &segment);
    }
  }

  void Add(const SteeringChain& chain) {
    for (const PacketMatch& match : chain.protect) AddSet(match);
    const std::string base = BaseChainName(chain);
    std::span<const SteeringRule> rules = chain.rules;
    for (auto taken = TakeSegment(rules); !taken.empty(); taken = TakeSegment(rules)) {
      Segment segment = MakeSegment(chain, base, taken);
      if (const Segment* kept = Kept(segment)) {
        segment = *kept;
      } else {
        segment.chain = names_.Next(kSegmentPrefix);
        NameClasses(segment);
      }
      plan_.segments.push_back(std::move(segment));
    }
    Segment rest = MakeSegment(chain, base, rules);
    rest.chain = base;
    NameClasses(rest);
    plan_.segments.push_back(std::move(rest));
  }

  Plan Take() { return std::move(plan_); }

 private:
  void AddSet(const PacketMatch& match) {
    if (!NeedsSet(match.remote)) return;
    const auto [added, is_new] = plan_.sets.try_emplace(match.remote);
    if (!is_new) return;
    const auto kept = before_.sets.find(match.remote);
    added->second = kept != before_.sets.end() ? kept->second : names_.Next("addresses_");
  }

  // Adds what the rules need, and tells what does what they ask for.
  Segment MakeSegment(const SteeringChain& chain, const std::string& base,
                      std::span<const SteeringRule> rules) {
    Segment segment{.base = base, .direction = chain.direction};
    segment.rules.assign(rules.begin(), rules.end());
    for (const SteeringRule& rule : rules) {
      std::ranges::for_each(rule.match, [&](const PacketMatch& match) { AddSet(match); });
      std::ranges::for_each(rule.except, [&](const PacketMatch& match) { AddSet(match); });
      plan_.counters.insert(rule.counters.begin(), rule.counters.end());
      plan_.counters.insert(rule.forwarded_counters.begin(), rule.forwarded_counters.end());
      segment.actions.push_back(AddAction({base, rule}));
    }
    return segment;
  }

  const std::string& AddAction(const Action& action) {
    auto kept = spare_actions_.extract(action);
    if (kept.empty()) return plan_.actions.emplace(action, names_.Next(kActionPrefix))->second;
    return plan_.actions.insert(std::move(kept))->second;
  }

  // The segment before that has the same rules, which lead to the same chains.
  const Segment* Kept(const Segment& segment) const {
    const auto found = kept_segments_.find(segment.actions.front());
    if (found == kept_segments_.end()) return nullptr;
    const Segment& kept = *found->second;
    return kept.actions == segment.actions && kept.rules == segment.rules ? &kept : nullptr;
  }

  void NameClasses(Segment& segment) {
    for (const SteeringRule& rule : segment.rules) {
      segment.classes.push_back(rule.except.empty() ? "" : names_.Next(kClassPrefix));
    }
  }

  const Plan& before_;
  NameCounter& names_;
  Plan plan_;
  std::multimap<Action, std::string> spare_actions_;          // of the plan before
  std::map<std::string_view, const Segment*> kept_segments_;  // of it, by their first action
};

}  // namespace

std::string BaseChainName(const SteeringChain& chain) {
  return StrCat(chain.direction == Direction::kEgress ? "egress_" : "ingress_", chain.interface,
                "_", chain.ifindex);
}

bool AddressSetLess::operator()(const AddressSet& a, const AddressSet& b) const {
  const auto& left = a.ranges();
  const auto& right = b.ranges();
  if (&left == &right) return a.family() < b.family();
  const auto order = [](const AddressSet& set) {
    return std::tuple(set.family(), set.ranges().size());
  };
  if (order(a) != order(b)) return order(a) < order(b);
  return std::ranges::lexicographical_compare(
      left, right, std::less<>(),
      [](const IpRange& range) { return std::pair(range.first, range.last); },
      [](const IpRange& range) { return std::pair(range.first, range.last); });
}

std::set<std::string> Plan::BaseChains() const {
  std::set<std::string> chains;
  for (const Segment& segment : segments) chains.insert(segment.base);
  return chains;
}

std::set<std::string_view> Plan::SegmentChains() const {
  std::set<std::string_view> chains;
  for (const Segment& segment : segments) {
    if (!segment.in_base()) chains.insert(segment.chain);
  }
  return chains;
}

std::set<std::string_view> Plan::ActionChains() const {
  std::set<std::string_view> chains;
  for (const auto& [action, chain] : actions) chains.insert(chain);
  return chains;
}

Plan MakePlan(const SteeringTable& table, const Plan& before, NameCounter& names) {
  Planner planner(before, names);
  for (const SteeringChain& chain : table) planner.Add(chain);
  return planner.Take();
}

}  // namespace faultd::nft

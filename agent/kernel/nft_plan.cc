#include "kernel/nft_plan.h"

#include <algorithm>
#include <functional>
#include <memory>
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

// What equal segments have in common and few others have: base chain, first counter, number of
// rules.
using SegmentKey = std::tuple<std::string_view, std::string_view, size_t>;

SegmentKey KeyOf(std::string_view base, std::span<const SteeringRule> rules) {
  const SteeringRule& first = rules.front();
  return {base, first.counters.empty() ? "" : std::string_view(first.counters.front()),
          rules.size()};
}

class Planner {
 public:
  Planner(const Plan& before, NameCounter& names) : before_(before), names_(names) {
    for (const auto& segment : before.segments) {
      if (!segment->in_base()) kept_.emplace(KeyOf(segment->base, segment->rules), segment);
    }
  }

  Plan Make(const SteeringTable& table) {
    std::vector<std::shared_ptr<Segment>> made;
    for (const SteeringChain& chain : table) {
      NoteNeeds(chain);
      std::span<const SteeringRule> rules = chain.rules;
      const std::string base = BaseChainName(chain);
      const auto make = [&](std::span<const SteeringRule> of, std::string name) {
        made.push_back(std::make_shared<Segment>(Segment{.base = base,
                                                         .chain = std::move(name),
                                                         .direction = chain.direction,
                                                         .rules = {of.begin(), of.end()},
                                                         .actions = {},
                                                         .classes = {}}));
        plan_.segments.push_back(made.back());
      };
      for (auto taken = TakeSegment(rules); !taken.empty(); taken = TakeSegment(rules)) {
        if (auto kept = TakeKept(base, taken)) {
          plan_.segments.push_back(std::move(kept));
        } else {
          make(taken, names_.Next(kSegmentPrefix));
        }
      }
      make(rules, base);
    }
    NameChains(made);
    return std::move(plan_);
  }

 private:
  void NoteNeeds(const SteeringChain& chain) {
    std::ranges::for_each(chain.protect, [&](const PacketMatch& match) { AddSet(match); });
    for (const SteeringRule& rule : chain.rules) {
      std::ranges::for_each(rule.match, [&](const PacketMatch& match) { AddSet(match); });
      std::ranges::for_each(rule.except, [&](const PacketMatch& match) { AddSet(match); });
      plan_.counters.insert(rule.counters.begin(), rule.counters.end());
      plan_.counters.insert(rule.forwarded_counters.begin(), rule.forwarded_counters.end());
    }
  }

  void AddSet(const PacketMatch& match) {
    if (!NeedsSet(match.remote)) return;
    const auto [added, is_new] = plan_.sets.try_emplace(match.remote);
    if (!is_new) return;
    const auto kept = before_.sets.find(match.remote);
    added->second = kept != before_.sets.end() ? kept->second : names_.Next("addresses_");
  }

  // The segment before that has these rules, each once.
  std::shared_ptr<const Segment> TakeKept(const std::string& base,
                                          std::span<const SteeringRule> rules) {
    const auto [begin, end] = kept_.equal_range(KeyOf(base, rules));
    const auto found = std::find_if(begin, end, [&](const auto& each) {
      return std::ranges::equal(each.second->rules, rules);
    });
    if (found == end) return nullptr;
    return kept_.extract(found).mapped();
  }

  // Actions that are no longer in a segment are put to use again.
  void NameChains(const std::vector<std::shared_ptr<Segment>>& made) {
    std::multimap<Action, std::string> spare;
    for (const Segment* segment : SegmentsOnlyIn(before_, plan_)) {
      for (size_t i = 0; i < segment->rules.size(); ++i)
        spare.emplace(segment->rules[i], segment->actions[i]);
    }
    for (const std::shared_ptr<Segment>& segment : made) {
      for (const SteeringRule& rule : segment->rules) {
        auto kept = spare.extract(Action(rule));
        segment->actions.push_back(kept.empty() ? names_.Next(kActionPrefix)
                                                : std::move(kept.mapped()));
        segment->classes.push_back(rule.except.empty() ? "" : names_.Next(kClassPrefix));
      }
    }
  }

  const Plan& before_;
  NameCounter& names_;
  Plan plan_;
  std::multimap<SegmentKey, std::shared_ptr<const Segment>> kept_;
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
  for (const auto& segment : segments) chains.insert(segment->base);
  return chains;
}

std::vector<const Segment*> SegmentsOnlyIn(const Plan& plan, const Plan& other) {
  const std::set<std::shared_ptr<const Segment>> both(other.segments.begin(), other.segments.end());
  std::vector<const Segment*> only;
  for (const auto& segment : plan.segments) {
    if (!both.contains(segment)) only.push_back(segment.get());
  }
  return only;
}

std::set<std::string_view> ActionsOf(const std::vector<const Segment*>& segments) {
  std::set<std::string_view> actions;
  for (const Segment* segment : segments)
    actions.insert(segment->actions.begin(), segment->actions.end());
  return actions;
}

Plan MakePlan(const SteeringTable& table, const Plan& before, NameCounter& names) {
  return Planner(before, names).Make(table);
}

}  // namespace faultd::nft

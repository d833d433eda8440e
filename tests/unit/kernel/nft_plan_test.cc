#include "kernel/nft_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <set>

namespace faultd::nft {
namespace {

SteeringRule Rule(int number) {
  const absl::uint128 first = 0x0a000000 + 16 * static_cast<unsigned>(number);
  std::vector<IpRange> ranges{{first, first + 1}};
  if (number % 3 == 0) ranges.push_back({first + 4, first + 5});  // which takes a set
  SteeringRule rule{.match = {{.remote = AddressSet(Family::kIpv4, std::move(ranges))}},
                    .link_index = 7,
                    .counters = {StrCat("fault-", number)}};
  if (number % 5 == 0) {
    rule.except = {{.remote = AddressSet(Family::kIpv4, {{first + 1, first + 1}})}};
  }
  return rule;
}

SteeringTable TableOf(int rules) {
  SteeringTable table{{.interface = "ens5", .ifindex = 2}};
  for (int i = 0; i < rules; ++i) table[0].rules.push_back(Rule(i));
  return table;
}

// Names of all chains of actions, and of segments that have their own.
std::set<std::string_view> ActionChains(const Plan& plan) {
  return ActionsOf(SegmentsOnlyIn(plan, {}));
}
std::set<std::string_view> SegmentChains(const Plan& plan) {
  std::set<std::string_view> chains;
  for (const auto& segment : plan.segments) {
    if (!segment->in_base()) chains.insert(segment->chain);
  }
  return chains;
}

// That the plan says what the table does, and each name stands for one thing.
void ExpectComplete(const Plan& plan, const SteeringTable& table) {
  std::set<std::string> names;
  const auto is_new = [&](const std::string& name) { return names.insert(name).second; };
  auto next = plan.segments.begin();
  for (const SteeringChain& chain : table) {
    std::vector<SteeringRule> rules;
    for (bool last = false; !last; ++next) {
      ASSERT_NE(next, plan.segments.end());
      const std::shared_ptr<const Segment>& segment = *next;
      last = segment->in_base();
      EXPECT_EQ(segment->base, BaseChainName(chain));
      EXPECT_EQ(segment->direction, chain.direction);
      EXPECT_TRUE(is_new(segment->chain));
      EXPECT_LE(segment->rules.size(), 64U);
      EXPECT_TRUE(last || segment->rules.size() >= 16);
      ASSERT_EQ(segment->actions.size(), segment->rules.size());
      ASSERT_EQ(segment->classes.size(), segment->rules.size());
      for (size_t i = 0; i < segment->rules.size(); ++i) {
        const SteeringRule& rule = segment->rules[i];
        EXPECT_TRUE(is_new(segment->actions[i]));
        EXPECT_EQ(segment->classes[i].empty(), rule.except.empty());
        EXPECT_TRUE(rule.except.empty() || is_new(segment->classes[i]));
        for (const PacketMatch& match : rule.match) {
          EXPECT_EQ(plan.sets.contains(match.remote), match.remote.ranges().size() > 1);
        }
      }
      rules.insert(rules.end(), segment->rules.begin(), segment->rules.end());
    }
    EXPECT_EQ(rules, chain.rules);
  }
  EXPECT_EQ(next, plan.segments.end());
}

TEST(NftPlan, FewRulesAreInTheBaseChain) {
  NameCounter names;
  const SteeringTable table = TableOf(15);
  const Plan plan = MakePlan(table, {}, names);
  ExpectComplete(plan, table);
  ASSERT_EQ(plan.segments.size(), 1U);
  EXPECT_EQ(plan.segments[0]->chain, "egress_ens5_2");
}

TEST(NftPlan, RuleThatComesOrGoesChangesFewSegments) {
  std::mt19937 random(1);
  NameCounter names;
  SteeringTable table = TableOf(1000);
  Plan plan = MakePlan(table, {}, names);
  ExpectComplete(plan, table);
  EXPECT_GE(plan.segments.size(), 20U);
  constexpr int kSteps = 100;
  size_t made = 0;
  for (int step = 0; step < kSteps; ++step) {
    auto& rules = table[0].rules;
    const auto at = rules.begin() + static_cast<std::ptrdiff_t>(random() % rules.size());
    if (step % 2 == 0) {
      rules.erase(at);
    } else {
      rules.insert(at, Rule(1000 + step));
    }
    const Plan next = MakePlan(table, plan, names);
    ExpectComplete(next, table);
    // All of them have other names than any before.
    const auto chains = SegmentChains(plan);
    for (const Segment* segment : SegmentsOnlyIn(next, plan)) {
      if (segment->in_base()) continue;
      ++made;
      EXPECT_FALSE(chains.contains(segment->chain));
    }
    // Actions go on doing what they did.
    std::map<std::string_view, Action> actions;
    for (const Segment* segment : SegmentsOnlyIn(plan, {})) {
      for (size_t i = 0; i < segment->rules.size(); ++i)
        actions.emplace(segment->actions[i], segment->rules[i]);
    }
    for (const Segment* segment : SegmentsOnlyIn(next, {})) {
      for (size_t i = 0; i < segment->rules.size(); ++i) {
        const auto had = actions.find(segment->actions[i]);
        EXPECT_TRUE(had == actions.end() || had->second == Action(segment->rules[i]));
      }
    }
    EXPECT_LE(ActionsOf(SegmentsOnlyIn(next, plan)).size(), 4 * 64U);
    EXPECT_EQ(std::ranges::count_if(ActionChains(next),
                                    [&](auto chain) { return !actions.contains(chain); }),
              step % 2);
    for (const auto& [addresses, name] : next.sets) {
      const auto had = plan.sets.find(addresses);
      EXPECT_TRUE(had == plan.sets.end() || had->second == name);
    }
    plan = next;
  }
  EXPECT_LE(made, 3UL * kSteps);
}

TEST(NftPlan, ChangedRuleIsNotTakenForTheOneBefore) {
  NameCounter names;
  SteeringTable table = TableOf(200);
  const Plan plan = MakePlan(table, {}, names);
  table[0].rules[3].match = Rule(4000).match;  // its action stays
  const Plan next = MakePlan(table, plan, names);
  ExpectComplete(next, table);
  EXPECT_EQ(ActionChains(next), ActionChains(plan));
  EXPECT_NE(SegmentChains(next), SegmentChains(plan));
}

TEST(NftPlan, EqualRulesHaveActionsOfTheirOwn) {
  NameCounter names;
  SteeringTable table = TableOf(0);
  table[0].rules.assign(100, Rule(1));
  table.push_back({.interface = "ens5", .ifindex = 2, .direction = Direction::kIngress});
  table[1].rules.assign(100, Rule(1));
  Plan plan = MakePlan(table, {}, names);
  ExpectComplete(plan, table);
  for (int i = 0; i < 90; ++i) {
    table[i % 2].rules.pop_back();
    plan = MakePlan(table, plan, names);
    ExpectComplete(plan, table);
  }
}

TEST(NftPlan, InterfaceThatComesBackAsAnotherHasSegmentsOfItsOwn) {
  NameCounter names;
  SteeringTable table = TableOf(300);
  const Plan plan = MakePlan(table, {}, names);
  table[0].ifindex = 9;
  const Plan next = MakePlan(table, plan, names);
  ExpectComplete(next, table);
  EXPECT_EQ(ActionChains(next), ActionChains(plan));
  const auto segments = SegmentChains(plan);
  for (const std::string_view chain : SegmentChains(next)) EXPECT_FALSE(segments.contains(chain));
  EXPECT_EQ(next.sets, plan.sets);
}

}  // namespace
}  // namespace faultd::nft

#include "faults/net/compiler.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <tuple>

#include "base/strings.h"

namespace faultd {
namespace {

double EitherOf(double p, double q) { return 1 - (1 - p) * (1 - q); }

DelayDistribution CombineDistributions(const Netem& a, const Netem& b) {
  if (a.jitter.count() == 0) return b.distribution;
  if (b.jitter.count() == 0 || a.distribution == b.distribution) return a.distribution;
  return DelayDistribution::kNormal;
}

StatusOr<std::optional<BurstLoss>> CombineBursts(const Netem& a, const Netem& b) {
  if (a.burst_loss && b.burst_loss) {
    return absl::FailedPreconditionError("two Gilbert-Elliott losses cannot hit the same packets");
  }
  if (!a.burst_loss && !b.burst_loss) return std::nullopt;
  BurstLoss burst = a.burst_loss ? *a.burst_loss : *b.burst_loss;
  const double uniform = a.burst_loss ? b.loss : a.loss;
  burst.loss_in_bad = EitherOf(burst.loss_in_bad, uniform);
  burst.loss_in_good = EitherOf(burst.loss_in_good, uniform);
  return burst;
}

// The addresses that a fault is about, from the first to the last of one of its matches.
struct Extent {
  Family family;
  IpRange range;
  size_t fault;
};

size_t FindFirst(std::vector<size_t>& first, size_t fault) {
  while (first[fault] != fault) fault = first[fault] = first[first[fault]];
  return fault;
}

// Faults that are apart by their addresses need not be compared with each other, so that one more
// fault costs no more than there are, however many these may be. Positions of faults, ascending.
std::vector<std::vector<size_t>> GroupByAddresses(std::span<const NetworkFault> faults) {
  std::vector<Extent> extents;
  for (size_t i = 0; i < faults.size(); ++i) {
    for (const PacketMatch& match : faults[i].traffic.match) {
      const std::vector<IpRange>& ranges = match.remote.ranges();
      if (ranges.empty()) continue;
      extents.push_back({match.family(), {ranges.front().first, ranges.back().last}, i});
    }
  }
  std::ranges::sort(extents, [](const Extent& a, const Extent& b) {
    return std::tie(a.family, a.range.first) < std::tie(b.family, b.range.first);
  });
  std::vector<size_t> first(faults.size());  // towards the first fault of the group
  std::iota(first.begin(), first.end(), size_t{0});
  const Extent* reach = nullptr;  // of those so far, the one that goes farthest
  for (const Extent& each : extents) {
    if (reach != nullptr && reach->family == each.family && each.range.first <= reach->range.last) {
      const auto [low, high] =
          std::minmax({FindFirst(first, reach->fault), FindFirst(first, each.fault)});
      first[high] = low;
      if (each.range.last <= reach->range.last) continue;
    }
    reach = &each;
  }
  std::map<size_t, std::vector<size_t>> groups;
  for (size_t i = 0; i < faults.size(); ++i) groups[FindFirst(first, i)].push_back(i);
  std::vector<std::vector<size_t>> lists;
  lists.reserve(groups.size());
  for (auto& [leader, group] : groups) lists.push_back(std::move(group));
  return lists;
}

Status TooManyClasses() {
  return absl::ResourceExhaustedError(StrCat("the active network faults overlap in more than ",
                                             kMaxTrafficClasses,
                                             " different ways; revert some of them first"));
}

// By induction over the faults: let the list be right for the first k of them. With fault k+1, each
// class is preceded by its intersection with the new fault, and the new fault's own class comes
// last. A packet of the new fault then meets the intersection of the class it met before, or, where
// it met none, the new class; any other packet meets the same class as before. Once an intersection
// is the whole fault, its packets get no further, and the rest of the list stays as it is.
StatusOr<std::vector<TrafficClass>> CompileGroup(std::span<const NetworkFault> faults,
                                                 const std::vector<size_t>& group) {
  std::vector<TrafficClass> classes;
  for (const size_t i : group) {
    const NetworkFault& fault = faults[i];
    std::vector<TrafficClass> next;
    next.reserve(classes.size() + 1);
    TrafficSet own = Simplify(fault.traffic);
    bool complete = own.empty();
    for (TrafficClass& each : classes) {
      TrafficSet both = complete ? TrafficSet() : Intersect(each.traffic, own);
      const bool wholly_inside = both == each.traffic;
      complete |= both == own;
      if (!both.empty()) {
        auto effect = Combine(each.effect, fault.effect);
        if (!effect.ok()) {
          const auto opponent = std::find_if(
              each.faults.begin(), each.faults.end(),
              [&](size_t member) { return !Combine(faults[member].effect, fault.effect).ok(); });
          return Annotate(effect.status(),
                          StrCat("overlap of faults ", faults[*opponent].id, " and ", fault.id));
        }
        std::vector<size_t> members = each.faults;
        members.push_back(i);
        next.push_back({std::move(both), std::move(members), *std::move(effect)});
      }
      if (!wholly_inside) next.push_back(std::move(each));
    }
    if (!complete) next.push_back({std::move(own), {i}, fault.effect});
    if (next.size() > kMaxTrafficClasses) return TooManyClasses();
    classes = std::move(next);
  }
  return classes;
}

}  // namespace

StatusOr<PacketEffect> Combine(const PacketEffect& a, const PacketEffect& b) {
  if (a.blackhole || b.blackhole) return PacketEffect{.blackhole = true, .netem = {}};
  PacketEffect both;
  Netem& netem = both.netem;
  ASSIGN_OR_RETURN(netem.burst_loss, CombineBursts(a.netem, b.netem));
  netem.delay = a.netem.delay + b.netem.delay;
  netem.jitter = a.netem.jitter + b.netem.jitter;
  netem.delay_correlation = std::max(a.netem.delay_correlation, b.netem.delay_correlation);
  netem.distribution = CombineDistributions(a.netem, b.netem);
  if (!netem.burst_loss) {
    netem.loss = EitherOf(a.netem.loss, b.netem.loss);
    netem.loss_correlation = std::max(a.netem.loss_correlation, b.netem.loss_correlation);
  }
  return both;
}

StatusOr<std::vector<TrafficClass>> Compile(std::span<const NetworkFault> faults) {
  std::vector<TrafficClass> classes;
  for (const std::vector<size_t>& group : GroupByAddresses(faults)) {
    ASSIGN_OR_RETURN(std::vector<TrafficClass> more, CompileGroup(faults, group));
    std::ranges::move(more, std::back_inserter(classes));
    if (classes.size() > kMaxTrafficClasses) return TooManyClasses();
  }
  return classes;
}

}  // namespace faultd

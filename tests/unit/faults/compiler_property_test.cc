// For whatever faults and packets: the first class that matches a packet has exactly the faults
// that match the packet.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "base/strings.h"
#include "faults/net/compiler.h"
#include "support/fake_kernel_state.h"
#include "support/random_traffic.h"

namespace faultd {
namespace {

constexpr int kRounds = 3000;
constexpr int kPackets = 60;
constexpr int kMostFaults = 6;

std::string Words(const Packet& packet) {
  return StrCat(packet.remote.ToString(), " protocol ", static_cast<int>(packet.protocol),
                " remote port ", packet.remote_port, " local port ", packet.local_port,
                " percentile ", packet.flow_percentile);
}

std::string Words(const TrafficSet& traffic) {
  std::ostringstream out;
  for (const PacketMatch& match : traffic.match) out << "\n    " << match;
  for (const PacketMatch& except : traffic.except) out << "\n    but " << except;
  return out.str();
}

bool Near(double a, double b) { return std::abs(a - b) < 1e-9; }

bool Near(const PacketEffect& a, const PacketEffect& b) {
  const Netem& x = a.netem;
  const Netem& y = b.netem;
  const bool bursts = x.burst_loss && y.burst_loss
                          ? x.burst_loss->good_to_bad == y.burst_loss->good_to_bad &&
                                x.burst_loss->bad_to_good == y.burst_loss->bad_to_good &&
                                Near(x.burst_loss->loss_in_bad, y.burst_loss->loss_in_bad) &&
                                Near(x.burst_loss->loss_in_good, y.burst_loss->loss_in_good)
                          : x.burst_loss.has_value() == y.burst_loss.has_value();
  return a.blackhole == b.blackhole && x.delay == y.delay && x.jitter == y.jitter &&
         x.distribution == y.distribution && Near(x.delay_correlation, y.delay_correlation) &&
         Near(x.loss, y.loss) && Near(x.loss_correlation, y.loss_correlation) && bursts;
}

class CompilerPropertyTest : public testing::Test {
 protected:
  // Each round has a seed of its own, so that one can be repeated alone.
  static uint64_t SeedOf(int round) { return RandomTraffic::Seed() + static_cast<uint64_t>(round); }
};

TEST_F(CompilerPropertyTest, FirstMatchingClassHasExactlyTheFaultsOfThePacket) {
  size_t hits = 0;
  size_t overlaps = 0;
  for (int round = 0; round < kRounds; ++round) {
    RandomTraffic random(SeedOf(round));
    const std::vector<NetworkFault> faults = random.Faults(kMostFaults);
    auto classes = Compile(faults);
    ASSERT_EQ(classes.status(), absl::OkStatus());
    for (int i = 0; i < kPackets; ++i) {
      const Packet packet = random.AnyPacket();
      std::vector<size_t> expected;
      PacketEffect effect;
      for (size_t f = 0; f < faults.size(); ++f) {
        if (!faults[f].traffic.Matches(packet)) continue;
        effect = expected.empty() ? faults[f].effect : *Combine(effect, faults[f].effect);
        expected.push_back(f);
      }
      const TrafficClass* first = nullptr;
      for (const TrafficClass& each : *classes) {
        if (first == nullptr && each.traffic.Matches(packet)) first = &each;
      }
      SCOPED_TRACE(StrCat("seed ", SeedOf(round), ", packet ", Words(packet)));
      ASSERT_EQ(first == nullptr ? std::vector<size_t>() : first->faults, expected);
      if (first != nullptr) {
        ASSERT_TRUE(Near(first->effect, effect));
        ++hits;
        overlaps += expected.size() > 1 ? 1 : 0;
      }
    }
  }
  // Else the packets would not test much.
  EXPECT_GT(hits, size_t{kRounds} * kPackets / 5);
  EXPECT_GT(overlaps, size_t{kRounds} * kPackets / 20);
}

TEST_F(CompilerPropertyTest, ClassesAreWellFormed) {
  for (int round = 0; round < kRounds; ++round) {
    RandomTraffic random(SeedOf(round));
    const std::vector<NetworkFault> faults = random.Faults(kMostFaults);
    auto classes = Compile(faults);
    ASSERT_EQ(classes.status(), absl::OkStatus());
    SCOPED_TRACE(StrCat("seed ", SeedOf(round)));
    for (size_t i = 0; i < classes->size(); ++i) {
      const TrafficClass& each = (*classes)[i];
      ASSERT_FALSE(each.traffic.empty());
      ASSERT_FALSE(each.faults.empty());
      ASSERT_TRUE(std::is_sorted(each.faults.begin(), each.faults.end()));
      // The more special class comes first: a later one never has all faults of an earlier one and
      // others besides.
      for (size_t j = 0; j < i; ++j) {
        const auto& earlier = (*classes)[j].faults;
        ASSERT_FALSE(
            each.faults.size() > earlier.size() &&
            std::includes(each.faults.begin(), each.faults.end(), earlier.begin(), earlier.end()))
            << "class " << j << " hides class " << i;
      }
    }
  }
}

TEST_F(CompilerPropertyTest, SimplifyKeepsTheMeaning) {
  for (int round = 0; round < kRounds; ++round) {
    RandomTraffic random(SeedOf(round));
    const TrafficSet traffic = random.Traffic();
    const TrafficSet simple = Simplify(traffic);
    ASSERT_LE(simple.match.size(), traffic.match.size());
    ASSERT_LE(simple.except.size(), traffic.except.size());
    ASSERT_EQ(Simplify(simple), simple) << "seed " << SeedOf(round) << Words(simple);
    for (int i = 0; i < kPackets; ++i) {
      const Packet packet = random.AnyPacket();
      ASSERT_EQ(simple.Matches(packet), traffic.Matches(packet))
          << "seed " << SeedOf(round) << ", packet " << Words(packet) << Words(traffic);
    }
  }
}

TEST_F(CompilerPropertyTest, IntersectIsBoth) {
  for (int round = 0; round < kRounds; ++round) {
    RandomTraffic random(SeedOf(round));
    const TrafficSet a = random.Traffic();
    const TrafficSet b = random.Traffic();
    const TrafficSet both = Intersect(a, b);
    for (int i = 0; i < kPackets; ++i) {
      const Packet packet = random.AnyPacket();
      ASSERT_EQ(both.Matches(packet), a.Matches(packet) && b.Matches(packet))
          << "seed " << SeedOf(round) << ", packet " << Words(packet) << Words(a) << Words(b);
    }
  }
}

TEST_F(CompilerPropertyTest, CombineIsCommutativeAndAssociative) {
  for (int round = 0; round < kRounds; ++round) {
    RandomTraffic random(SeedOf(round));
    const PacketEffect a = random.Effect(false);
    const PacketEffect b = random.Effect(true);
    const PacketEffect c = random.Effect(false);
    SCOPED_TRACE(StrCat("seed ", SeedOf(round)));
    ASSERT_TRUE(Near(*Combine(a, b), *Combine(b, a)));
    ASSERT_TRUE(Near(*Combine(*Combine(a, b), c), *Combine(a, *Combine(b, c))));
    const PacketEffect nothing;
    ASSERT_TRUE(Near(*Combine(a, nothing), a));
    ASSERT_TRUE(Near(*Combine(nothing, a), a));
  }
}

}  // namespace
}  // namespace faultd

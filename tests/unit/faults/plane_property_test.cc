// Random lives of a plane: faults come and go in any order while calls of the kernel fail. After
// every step each packet meets exactly the faults that are active and match it, and in the end
// nothing is left.
#include <cmath>
#include <optional>

#include "base/strings.h"
#include "support/plane_fixture.h"
#include "support/random_traffic.h"

namespace faultd {
namespace {

constexpr int kLives = 150;
constexpr int kSteps = 25;
constexpr int kPacketsPerCheck = 25;

class PlanePropertyTest : public PlaneFixture {
 protected:
  PlacedFault RandomFault(RandomTraffic& random, const std::string& id) {
    PlacedFault placed{{id, {}, random.Effect(false)}, {"eth0"}, {}};
    while (placed.fault.traffic.empty()) placed.fault.traffic = Simplify(random.Traffic());
    if (random.OneIn(3)) placed.interfaces = {"eth1"};
    if (random.OneIn(3)) placed.interfaces = {"eth0", "eth1"};
    if (!random.OneIn(3)) placed.directions.push_back(Direction::kEgress);
    if (placed.directions.empty() || random.OneIn(3)) {
      placed.directions.push_back(Direction::kIngress);
    }
    return placed;
  }

  // By the faults themselves, without the compiler.
  std::optional<PacketEffect> Expected(const std::string& interface, Direction direction,
                                       const Packet& packet) const {
    std::optional<PacketEffect> effect;
    for (const PlacedFault& placed : active) {
      if (std::ranges::count(placed.interfaces, interface) == 0 ||
          std::ranges::count(placed.directions, direction) == 0 ||
          !placed.fault.traffic.Matches(packet)) {
        continue;
      }
      effect = effect ? *Combine(*effect, placed.fault.effect) : placed.fault.effect;
    }
    return effect;
  }

  void CheckPackets(RandomTraffic& random) {
    for (int i = 0; i < kPacketsPerCheck; ++i) {
      const Packet packet = random.AnyPacket();
      const std::string interface = random.OneIn(2) ? "eth0" : "eth1";
      const Direction direction = random.OneIn(2) ? Direction::kEgress : Direction::kIngress;
      const auto expected = Expected(interface, direction, packet);
      const FakeKernel::Fate fate = kernel.FateOf(interface, direction, packet);
      ASSERT_EQ(fate.link_index != 0, expected.has_value());
      if (!expected) continue;
      ASSERT_EQ(fate.vanishes, expected->blackhole || expected->netem == Netem{.loss = 1});
      if (fate.vanishes) continue;
      ASSERT_EQ(fate.netem.delay, expected->netem.delay);
      ASSERT_EQ(fate.netem.jitter, expected->netem.jitter);
      ASSERT_LT(std::abs(fate.netem.loss - expected->netem.loss), 1e-9);
    }
  }

  // Some calls from a random one on fail, or none.
  void PlanTrouble(RandomTraffic& random) {
    script.Reset();
    if (random.OneIn(2)) return;
    script.FailAt(1 + static_cast<size_t>(random.Below(12)),
                  random.OneIn(2) ? FakeScript::Failure::kBefore : FakeScript::Failure::kAfter,
                  1 + static_cast<size_t>(random.Below(4)));
  }

  void Live(RandomTraffic& random) {
    for (int step = 0; step < kSteps; ++step) {
      SCOPED_TRACE(StrCat("step ", step));
      PlanTrouble(random);
      if (active.empty() || random.OneIn(2)) {
        PlacedFault placed = RandomFault(random, StrCat("f", step));
        const bool set = plane.Set(placed).ok();
        script.Reset();
        if (set) {
          active.push_back(std::move(placed));
        } else {
          RemoveFully(placed.fault.id);
        }
      } else {
        const auto going = active.begin() + random.Below(static_cast<int>(active.size()));
        (void)plane.Remove(going->fault.id);
        script.Reset();
        RemoveFully(going->fault.id);
        active.erase(going);
      }
      ASSERT_NO_FATAL_FAILURE(CheckPackets(random));
    }
    while (!active.empty()) {
      RemoveFully(active.front().fault.id);
      active.erase(active.begin());
      ASSERT_NO_FATAL_FAILURE(CheckPackets(random));
    }
    kernel.FinishBackground();
    ASSERT_EQ(kernel.state(), before);
  }

  std::vector<PlacedFault> active;
};

TEST_F(PlanePropertyTest, PacketsMeetTheActiveFaults) {
  for (int life = 0; life < kLives; ++life) {
    const uint64_t seed = RandomTraffic::Seed() + static_cast<uint64_t>(life);
    SCOPED_TRACE(StrCat("seed ", seed));
    RandomTraffic random(seed);
    ASSERT_NO_FATAL_FAILURE(Live(random));
  }
}

}  // namespace
}  // namespace faultd

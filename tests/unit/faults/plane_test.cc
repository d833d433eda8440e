// How network faults come, compose and go, judged by what happens to packets.
#include "faults/net/plane.h"

#include <gmock/gmock.h>

#include "support/plane_fixture.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class PlaneTest : public PlaneFixture {};

TEST_F(PlaneTest, OneFaultIsOneLinkAndOneRule) {
  ASSERT_EQ(plane.Set(Place("a", "10.0.0.0/8", Delay(100))), absl::OkStatus());
  EXPECT_THAT(LinksOfOurs(), SizeIs(1));
  ASSERT_THAT(kernel.state().table, SizeIs(1));
  EXPECT_THAT(kernel.state().table[0].rules, SizeIs(1));
  EXPECT_EQ(DelayTo("10.1.2.3"), milliseconds(100));
  EXPECT_EQ(FateOf("11.0.0.1"), FakeKernel::Fate());
  EXPECT_EQ(FateOf("10.1.2.3", Direction::kIngress), FakeKernel::Fate());
  EXPECT_EQ(FateOf("10.1.2.3", Direction::kEgress, "eth1"), FakeKernel::Fate());
  EXPECT_EQ(*plane.Describe("a"), "1 rule in nftables, netem on " + LinksOfOurs().front());
}

TEST_F(PlaneTest, OneLinkServesAllInterfacesAndDirections) {
  ASSERT_TRUE(plane
                  .Set(Place("a", "10.0.0.0/8", Delay(100), {"eth0", "eth1"},
                             {Direction::kEgress, Direction::kIngress}))
                  .ok());
  EXPECT_THAT(LinksOfOurs(), SizeIs(1));
  for (const char* interface : {"eth0", "eth1"}) {
    for (Direction direction : {Direction::kEgress, Direction::kIngress}) {
      EXPECT_EQ(FateOf("10.0.0.1", direction, interface).netem.delay, milliseconds(100));
    }
  }
  EXPECT_EQ(*plane.Describe("a"), "4 rules in nftables, netem on " + LinksOfOurs().front());
}

TEST_F(PlaneTest, OverlappingFaultsComposeAndGoOneByOne) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  ASSERT_TRUE(plane.Set(Place("b", "10.1.0.0/16", Delay(20))).ok());
  ASSERT_TRUE(plane.Set(Place("c", "10.1.1.0/24", Loss(0.5))).ok());
  EXPECT_EQ(DelayTo("10.0.0.1"), milliseconds(100));
  EXPECT_EQ(DelayTo("10.1.0.1"), milliseconds(120));
  EXPECT_EQ(FateOf("10.1.1.1").netem, (Netem{.delay = milliseconds(120), .loss = 0.5}));

  RemoveFully("a");
  EXPECT_EQ(FateOf("10.0.0.1"), FakeKernel::Fate());
  EXPECT_EQ(DelayTo("10.1.0.1"), milliseconds(20));
  EXPECT_EQ(FateOf("10.1.1.1").netem, (Netem{.delay = milliseconds(20), .loss = 0.5}));

  RemoveFully("c");
  EXPECT_EQ(FateOf("10.1.1.1").netem, Netem{.delay = milliseconds(20)});
  EXPECT_THAT(LinksOfOurs(), SizeIs(1));

  RemoveFully("b");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTest, LinksOfOtherFaultsAreKeptWhenOneComesAndGoes) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  ASSERT_TRUE(plane.Set(Place("b", "192.168.0.0/16", Blackhole())).ok());
  const FakeKernel::Fate of_a = FateOf("10.0.0.1");
  const FakeKernel::Fate of_b = FateOf("192.168.0.1");
  script.Reset();
  ASSERT_TRUE(plane.Set(Place("c", "10.0.0.0/9", Delay(1))).ok());
  ASSERT_TRUE(plane.Set(Place("d", "172.16.0.0/12", Blackhole())).ok());
  EXPECT_EQ(FateOf("10.200.0.1"), of_a);
  EXPECT_EQ(FateOf("192.168.0.1"), of_b);
  RemoveFully("c");
  RemoveFully("d");
  EXPECT_EQ(FateOf("10.0.0.1"), of_a);
  EXPECT_EQ(FateOf("192.168.0.1"), of_b);
  EXPECT_EQ(script.Count("create link"), 1u) << "one for the overlap of a and c";
  EXPECT_EQ(script.Count("set netem"), 1u);
}

// The limit of the old link was computed for slower interfaces: no reason to disturb it.
TEST_F(PlaneTest, LinkIsKeptWhenAFasterInterfaceComes) {
  kernel.SetSpeed("eth0", 100'000'000);
  kernel.SetSpeed("eth1", 100'000'000'000);
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  const int link = FateOf("10.0.0.1").link_index;
  ASSERT_TRUE(plane.Set(Place("b", "11.0.0.0/8", Delay(100), {"eth1"})).ok());
  EXPECT_EQ(FateOf("10.0.0.1").link_index, link);
  RemoveFully("b");
  EXPECT_EQ(FateOf("10.0.0.1").link_index, link);
}

TEST_F(PlaneTest, LinkThatIsReplacedIsRetiredAndDeleted) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(200))).ok());
  EXPECT_EQ(DelayTo("10.0.0.1"), milliseconds(200));
  EXPECT_THAT(*plane.FindLeftovers(), IsEmpty());
  RemoveFully("a");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTest, NewAddressesComeWithoutANewLink) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  const int link = FateOf("10.0.0.1").link_index;
  script.Reset();
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/7", Delay(100))).ok());
  EXPECT_EQ(FateOf("10.0.0.1").link_index, link);
  EXPECT_EQ(FateOf("11.0.0.1").link_index, link);
  EXPECT_EQ(script.Count("apply steering"), 1u);
  EXPECT_EQ(script.Count("create link"), 0u);
}

TEST_F(PlaneTest, NothingNewIsNotAppliedAgain) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  script.Reset();
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  EXPECT_THAT(script.log(), ElementsAre("list links"));
}

TEST_F(PlaneTest, BlackholesShareALinkThatIsDown) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Blackhole())).ok());
  ASSERT_TRUE(plane.Set(Place("b", "11.0.0.0/8", Blackhole())).ok());
  EXPECT_THAT(LinksOfOurs(), ElementsAre("faultd-null"));
  EXPECT_TRUE(FateOf("10.0.0.1").vanishes);
  EXPECT_TRUE(FateOf("11.0.0.1").vanishes);
  EXPECT_EQ(*plane.Describe("a"), "1 rule in nftables, into faultd-null");
}

TEST_F(PlaneTest, NamesOfOtherPeoplesLinksArePassedBy) {
  kernel.AddLink({.index = 100, .name = "faultd-null", .kind = "dummy"});
  kernel.AddLink({.index = 101, .name = "faultd0", .kind = "veth"});
  before = kernel.state();
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Blackhole())).ok());
  ASSERT_TRUE(plane.Set(Place("b", "11.0.0.0/8", Delay(5))).ok());
  EXPECT_THAT(LinksOfOurs(), SizeIs(2));
  RemoveFully("a");
  RemoveFully("b");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTest, TenThousandAddressesAreOneRule) {
  PlacedFault placed = Place("a", "10.0.0.0/32", Delay(5));
  std::vector<IpRange> ranges(10'000);
  for (uint32_t address = 0x0a000000; IpRange & range : ranges) {
    range = {address, address};
    address += 4;
  }
  placed.fault.traffic.match = {{AddressSet(Family::kIpv4, std::move(ranges))}};
  ASSERT_TRUE(plane.Set(placed).ok());
  ASSERT_THAT(kernel.state().table, SizeIs(1));
  EXPECT_THAT(kernel.state().table[0].rules, SizeIs(1));
  EXPECT_EQ(DelayTo("10.0.156.60"), milliseconds(5));
  EXPECT_EQ(FateOf("10.0.156.61"), FakeKernel::Fate());
  RemoveFully("a");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTest, QueueLimitIsWhatTheInterfaceSendsMeanwhile) {
  kernel.SetSpeed("eth0", 1'000'000'000);
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  const int link = FateOf("10.0.0.1").link_index;
  // 1000 and 0.1 s of 1 Gbit/s in packets of 1024 bits.
  EXPECT_EQ(kernel.FindNetem(link)->limit, 98'656u);
}

TEST_F(PlaneTest, QueueLimitHasBounds) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Loss(0.1))).ok());
  EXPECT_EQ(kernel.FindNetem(FateOf("10.0.0.1").link_index)->limit, 1000u);
  ASSERT_TRUE(plane.Set(Place("b", "11.0.0.0/8", Delay(60'000))).ok());
  EXPECT_EQ(kernel.FindNetem(FateOf("11.0.0.1").link_index)->limit, 4'000'000u);
}

// The first interface is the slower one: it must not decide for both.
TEST_F(PlaneTest, QueueLimitIsThatOfTheFastestInterface) {
  kernel.SetSpeed("eth0", 1'000'000);
  kernel.SetSpeed("eth1", 1'000'000'000);
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100), {"eth0", "eth1"})).ok());
  EXPECT_EQ(kernel.FindNetem(FateOf("10.0.0.1").link_index)->limit, 98'656u);
}

TEST_F(PlaneTest, EffectEndsAtOnceAndHeldBackPacketsDrain) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  const int link = FateOf("10.0.0.1").link_index;
  kernel.SetQueued(link, 3);
  ASSERT_FALSE(*plane.Remove("a"));
  EXPECT_EQ(FateOf("10.0.0.1"), FakeKernel::Fate());
  clock.Advance(milliseconds(99));
  ASSERT_FALSE(*plane.Remove("a"));
  EXPECT_EQ(script.Count("delete links"), 0u);
  kernel.SetQueued(link, 0);
  ASSERT_FALSE(*plane.Remove("a"));
  EXPECT_EQ(script.Count("delete links"), 1u);
  RemoveFully("a");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTest, SeveralEndInOneTransactionAndTheOthersStay) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  ASSERT_TRUE(plane.Set(Place("b", "10.1.0.0/16", Delay(20))).ok());
  ASSERT_TRUE(plane.Set(Place("c", "11.0.0.0/8", Blackhole())).ok());
  script.Reset();
  ASSERT_EQ(plane.End({"a", "c", "none"}), absl::OkStatus());
  EXPECT_EQ(script.Count("apply steering"), 1u);
  EXPECT_EQ(FateOf("10.0.0.1"), FakeKernel::Fate());
  EXPECT_EQ(FateOf("11.0.0.1"), FakeKernel::Fate());
  EXPECT_EQ(DelayTo("10.1.0.1"), milliseconds(20));
  EXPECT_FALSE(plane.active("a"));
  EXPECT_TRUE(plane.active("b"));
  RemoveFully("a");
  RemoveFully("c");
  RemoveFully("b");
  EXPECT_EQ(kernel.state(), before);
}

// A link that none of those who end had alone may be needed for those who stay.
TEST_F(PlaneTest, SeveralEndAlthoughNoLinkIsToBeHad) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  ASSERT_TRUE(plane.Set(Place("b", "10.0.0.0/8", Delay(20))).ok());
  script.FailAll("create link");
  ASSERT_EQ(plane.End({"a"}), absl::OkStatus());
  EXPECT_EQ(FateOf("10.0.0.1"), FakeKernel::Fate()) << "untouched for now";
  script.Reset();
  RemoveFully("a");
  EXPECT_EQ(DelayTo("10.0.0.1"), milliseconds(20));
  RemoveFully("b");
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTest, DrainingTakesNoLongerThanTheDelay) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(100))).ok());
  kernel.SetQueued(FateOf("10.0.0.1").link_index, 3);
  ASSERT_FALSE(*plane.Remove("a"));
  clock.Advance(milliseconds(100));
  ASSERT_FALSE(*plane.Remove("a"));
  EXPECT_EQ(script.Count("delete links"), 1u);
}

TEST_F(PlaneTest, DrainingTakesNoLongerThanASecond) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(30'000))).ok());
  kernel.SetQueued(FateOf("10.0.0.1").link_index, 3);
  ASSERT_FALSE(*plane.Remove("a"));
  clock.Advance(NetworkPlane::kMaxDrain);
  ASSERT_FALSE(*plane.Remove("a"));
  EXPECT_EQ(script.Count("delete links"), 1u);
}

TEST_F(PlaneTest, FaultIsNotGoneWhileALinkOfItIsThere) {
  kernel.SetBackgroundLists(50);
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(1))).ok());
  for (int i = 0; i < 50; ++i) {
    auto gone = plane.Remove("a");
    ASSERT_TRUE(gone.ok());
    EXPECT_EQ(*gone, LinksOfOurs().empty());
    clock.Advance(milliseconds(2));
  }
}

// Else the fault would be REVERTING for ever.
TEST_F(PlaneTest, DeletionThatFailedInTheBackgroundIsAskedForAgain) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(1))).ok());
  kernel.SetBackgroundLists(0);
  ASSERT_FALSE(*plane.Remove("a"));
  clock.Advance(milliseconds(999));
  ASSERT_FALSE(*plane.Remove("a"));
  EXPECT_EQ(script.Count("delete links"), 1u);
  kernel.SetBackgroundLists(1);
  RemoveFully("a");
  EXPECT_EQ(script.Count("delete links"), 2u);
  EXPECT_EQ(kernel.state(), before);
}

TEST_F(PlaneTest, EffectCountsPackets) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Delay(5))).ok());
  ASSERT_TRUE(plane.Set(Place("b", "11.0.0.0/8", Loss(0.25))).ok());
  ASSERT_TRUE(plane.Set(Place("c", "12.0.0.0/8", Blackhole())).ok());
  kernel.Send("eth0", Direction::kEgress, PacketTo("10.0.0.1"), 100, 6400);
  kernel.Send("eth0", Direction::kEgress, PacketTo("11.0.0.1"), 200, 12'800);
  kernel.Send("eth0", Direction::kEgress, PacketTo("12.0.0.1"), 300, 19'200);
  kernel.SetQueued(FateOf("10.0.0.1").link_index, 7);

  auto a = plane.Observe("a");
  ASSERT_TRUE(a.ok());
  EXPECT_EQ(a->packets_matched(), 100u);
  EXPECT_EQ(a->bytes_matched(), 6400u);
  EXPECT_EQ(a->packets_delayed(), 100u);
  EXPECT_EQ(a->packets_dropped(), 0u);
  EXPECT_EQ(a->packets_queued(), 7u);
  auto b = plane.Observe("b");
  ASSERT_TRUE(b.ok());
  EXPECT_EQ(b->packets_matched(), 200u);
  EXPECT_EQ(b->packets_dropped(), 50u);
  EXPECT_EQ(b->packets_delayed(), 0u);
  auto c = plane.Observe("c");
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->packets_matched(), 300u);
  EXPECT_EQ(c->packets_dropped(), 300u);
}

// For whom whatever is done between two looks at the clock takes a millisecond.
class BusyClock final : public Clock {
 public:
  BootTime Now() const override { return now_ += std::chrono::milliseconds(1); }
  std::chrono::nanoseconds WallNow() const override { return now_; }

 private:
  mutable BootTime now_{0};
};

TEST_F(PlaneTest, LooksThatTakeTimeAreShared) {
  const BusyClock busy;
  NetworkPlane slow(kernel, busy);
  ASSERT_TRUE(slow.Set(Place("a", "10.0.0.0/8", Blackhole())).ok());
  script.Reset();
  kernel.Send("eth0", Direction::kEgress, PacketTo("10.0.0.1"), 1, 64);
  EXPECT_EQ(slow.Observe("a")->packets_matched(), 1u);
  kernel.Send("eth0", Direction::kEgress, PacketTo("10.0.0.1"), 1, 64);
  for (int i = 0; i < 98; ++i) ASSERT_TRUE(slow.Observe("a").ok());
  EXPECT_EQ(slow.Observe("a")->packets_matched(), 2u);
  EXPECT_GE(script.Count("read steering"), 2u);
  EXPECT_LE(script.Count("read steering"), 12u);
}

TEST_F(PlaneTest, ChangeIsFollowedByALookOfItsOwn) {
  const BusyClock busy;
  NetworkPlane slow(kernel, busy);
  ASSERT_TRUE(slow.Set(Place("a", "10.0.0.0/8", Blackhole())).ok());
  ASSERT_TRUE(slow.Observe("a").ok());
  ASSERT_TRUE(slow.Set(Place("b", "11.0.0.0/8", Blackhole())).ok());
  kernel.Send("eth0", Direction::kEgress, PacketTo("11.0.0.1"), 3, 192);
  EXPECT_EQ(slow.Observe("b")->packets_matched(), 3u);
}

TEST_F(PlaneTest, CountsNeverGoBackWhenAnotherFaultComes) {
  ASSERT_TRUE(
      plane.Set(Place("a", "10.0.0.0/8", {.netem = {.delay = milliseconds(5), .loss = 0.5}})).ok());
  kernel.Send("eth0", Direction::kEgress, PacketTo("10.0.0.1"), 100, 6400);
  ASSERT_TRUE(plane.Set(Place("b", "0.0.0.0/0", Delay(5))).ok());
  kernel.Send("eth0", Direction::kEgress, PacketTo("10.0.0.1"), 10, 640);
  auto effect = plane.Observe("a");
  ASSERT_TRUE(effect.ok());
  EXPECT_EQ(effect->packets_matched(), 110u);
  EXPECT_EQ(effect->packets_dropped(), 55u);
  EXPECT_EQ(effect->packets_delayed(), 55u);
}

// Ids may contain dots: "a" must not count for "a.dropped", nor the other way round.
TEST_F(PlaneTest, CountersOfFaultsWithSimilarIdsAreApart) {
  ASSERT_TRUE(plane.Set(Place("a", "10.0.0.0/8", Blackhole())).ok());
  ASSERT_TRUE(plane.Set(Place("a.dropped", "11.0.0.0/8", Blackhole())).ok());
  kernel.Send("eth0", Direction::kEgress, PacketTo("11.0.0.1"), 100, 6400);
  EXPECT_EQ(plane.Observe("a")->packets_dropped(), 0u);
  EXPECT_EQ(plane.Observe("a.dropped")->packets_dropped(), 100u);
}

// The fake refuses names of counters that are longer than steering.h allows.
TEST_F(PlaneTest, LongestIdFitsIntoTheNamesOfCounters) {
  EXPECT_EQ(plane.Set(Place(std::string(63, 'x'), "10.0.0.0/8", Blackhole())), absl::OkStatus());
}

}  // namespace
}  // namespace faultd

#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "kernel/link_messages.h"
#include "kernel/links_linux.h"
#include "support/netns.h"

namespace faultd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LinksTest : public NetnsTest {
 protected:
  void SetUp() override {
    NetnsTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto opened = OpenLinks();
    ASSERT_TRUE(opened.ok()) << opened.status();
    links_ = *std::move(opened);
  }

  void TearDown() override {
    links_.reset();
    NetnsTest::TearDown();
  }

  std::vector<std::string> Names(const std::vector<Link>& links) {
    std::vector<std::string> names;
    names.reserve(links.size());
    for (const Link& link : links) names.push_back(link.name);
    return names;
  }

  std::vector<std::string> DefaultRouteNames() {
    auto links = links_->DefaultRouteLinks();
    EXPECT_TRUE(links.ok()) << links.status();
    return Names(*links);
  }

  std::vector<std::string> OurNames() {
    auto links = links_->List();
    EXPECT_TRUE(links.ok()) << links.status();
    std::erase_if(*links, [](const Link& link) { return !IsOurs(link); });
    return Names(*links);
  }

  int CreateIfb(const std::string& name, bool up = false) {
    auto link = links_->CreateIfb(name, up);
    EXPECT_TRUE(link.ok()) << link.status();
    return link.ok() ? link->index : 0;
  }

  std::unique_ptr<Links> links_;
};

TEST_F(LinksTest, CreatesATaggedIfb) {
  auto down = links_->CreateIfb("faultd-null", false);
  ASSERT_TRUE(down.ok()) << down.status();
  EXPECT_EQ(*down, (Link{.index = down->index,
                         .name = "faultd-null",
                         .kind = "ifb",
                         .alias = "faultd",
                         .group = kLinkGroup,
                         .up = false}));
  EXPECT_TRUE(IsOurs(*down));
  auto up = links_->CreateIfb("faultd0", true);
  ASSERT_TRUE(up.ok()) << up.status();
  EXPECT_TRUE(up->up);

  const std::string seen = Sh("ip -details link show faultd0");
  EXPECT_THAT(seen, HasSubstr("group " + std::to_string(kLinkGroup)));
  EXPECT_THAT(seen, HasSubstr("alias faultd"));
  EXPECT_THAT(seen, HasSubstr("numtxqueues 1 "));
  EXPECT_THAT(seen, HasSubstr("ifb"));
  EXPECT_EQ(Sh("ip -o link show up dev faultd-null"), "");
}

TEST_F(LinksTest, ATakenNameIsAlreadyExists) {
  CreateIfb("faultd0");
  const Status again = links_->CreateIfb("faultd0", true).status();
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(again.message(), "add link faultd0: File exists");
  EXPECT_FALSE(links_->Get("faultd0")->up);
}

TEST_F(LinksTest, GetsByName) {
  auto lo = links_->Get("lo");
  ASSERT_TRUE(lo.ok()) << lo.status();
  EXPECT_EQ(*lo, (Link{.index = 1, .name = "lo", .up = true}));
  for (const std::string name : {"nosuch", "", "a-name-that-no-link-can-have"}) {
    const Status missing = links_->Get(name).status();
    EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(missing.message(), "no interface named " + name);
  }
}

TEST_F(LinksTest, ALinkIsOursBetweenCreationAndAlias) {
  auto socket = NetlinkSocket::Open(NETLINK_ROUTE);
  ASSERT_TRUE(socket.ok());
  ASSERT_TRUE(AddIfb(*socket, "faultd0").ok());
  auto half_made = links_->Get("faultd0");
  ASSERT_TRUE(half_made.ok());
  EXPECT_EQ(half_made->alias, "");
  EXPECT_TRUE(IsOurs(*half_made));
}

TEST_F(LinksTest, ALinkIsOursWhateverSomebodyChanges) {
  for (const std::string change :
       {"name renamed0", "alias ''", "group 0", "group 0 name renamed0"}) {
    const int index = CreateIfb("faultd0");
    Sh("ip link set faultd0 " + change);
    EXPECT_EQ(OurNames().size(), 1U) << change;
    ASSERT_TRUE(links_->Delete({index}).ok());
    EXPECT_THAT(OurNames(), IsEmpty()) << change;
  }
}

TEST_F(LinksTest, ALinkIsOursWhileItIsBeingDeleted) {
  CreateIfb("faultd0");
  Sh("ip link set faultd0 group " + std::to_string(kLinkTrashGroup) + " alias ''");
  EXPECT_THAT(OurNames(), ElementsAre("faultd0"));
  ASSERT_TRUE(links_->Delete({links_->Get("faultd0")->index}).ok());
  EXPECT_THAT(OurNames(), IsEmpty());
}

TEST_F(LinksTest, DeletesManyAtOnce) {
  std::vector<int> indices(50);
  for (int i = 0; int& index : indices) index = CreateIfb("faultd" + std::to_string(i++), true);
  const Status deleted = links_->Delete(indices);
  EXPECT_TRUE(deleted.ok()) << deleted;
  EXPECT_THAT(OurNames(), IsEmpty());
}

TEST_F(LinksTest, DeletingWhatIsGoneIsNoError) {
  const int index = CreateIfb("faultd0");
  const int other = CreateIfb("faultd1");
  EXPECT_TRUE(links_->Delete({index, 4711}).ok());
  EXPECT_TRUE(links_->Delete({index}).ok());
  EXPECT_TRUE(links_->Delete({}).ok());
  EXPECT_THAT(OurNames(), ElementsAre("faultd1"));
  EXPECT_TRUE(links_->Delete({index, other}).ok());
}

TEST_F(LinksTest, NeverDeletesForeignLinks) {
  Sh("ip link add faultd7 type ifb");                    // our name and kind
  Sh("ip link add faultd8 type bridge");                 // our name and marks
  Sh("ip link set faultd8 group 1024381 alias faultd");  //
  Sh("ip link add other0 group 1024382 type bridge");    // in the group that is deleted
  std::vector<int> indices;
  for (const char* name : {"faultd7", "faultd8", "other0", "lo"}) {
    indices.push_back(links_->Get(name)->index);
  }
  indices.push_back(CreateIfb("faultd0"));
  indices.push_back(CreateIfb("faultd1"));
  const Status deleted = links_->Delete(indices);
  EXPECT_TRUE(deleted.ok()) << deleted;
  EXPECT_THAT(Names(*links_->List()), ElementsAre("lo", "faultd7", "faultd8", "other0"));
}

TEST_F(LinksTest, DeletesInBackgroundInItsOwnNamespace) {
  std::vector<int> indices(3);
  for (int i = 0; int& index : indices) index = CreateIfb("faultd" + std::to_string(i++));
  const Netns elsewhere = Netns::Create();
  elsewhere.Run([&] {
    links_->DeleteInBackground({indices[0]});
    links_->DeleteInBackground({indices[1], indices[2]});
  });
  links_.reset();  // finishes what was asked for
  links_ = *OpenLinks();
  EXPECT_THAT(OurNames(), IsEmpty());
}

TEST_F(LinksTest, NoDefaultRouteIsNoError) { EXPECT_THAT(DefaultRouteNames(), IsEmpty()); }

TEST_F(LinksTest, FindsTheDefaultRoutesOfBothFamilies) {
  const Netns peer = Netns::Create();
  AddVeth("wan1", {"10.9.1.1/24"}, peer, "p1", {});
  AddVeth("wan0", {"10.9.0.1/24", "fd09::1/64"}, peer, "p0", {});
  AddVeth("lan0", {"10.9.2.1/24"}, peer, "p2", {});
  Sh("ip route add default via 10.9.1.2 metric 100");
  Sh("ip route add 10.0.0.0/8 via 10.9.2.2");
  EXPECT_THAT(DefaultRouteNames(), ElementsAre("wan1"));
  Sh("ip -6 route add default via fd09::2");
  EXPECT_THAT(DefaultRouteNames(), ElementsAre("wan0", "wan1"));
  Sh("ip route add default via 10.9.0.2 metric 200");
  EXPECT_THAT(DefaultRouteNames(), ElementsAre("wan0", "wan1"));
}

TEST_F(LinksTest, FindsEveryHopOfAMultipathRoute) {
  const Netns peer = Netns::Create();
  AddVeth("wan0", {"10.9.0.1/24", "fd09::1/64"}, peer, "p0", {});
  AddVeth("wan1", {"10.9.1.1/24", "fd19::1/64"}, peer, "p1", {});
  Sh("ip route add default nexthop via 10.9.0.2 nexthop via 10.9.1.2");
  EXPECT_THAT(DefaultRouteNames(), ElementsAre("wan0", "wan1"));
  Sh("ip route del default");
  Sh("ip -6 route add default nexthop via fd09::2 nexthop via fd19::2");
  EXPECT_THAT(DefaultRouteNames(), ElementsAre("wan0", "wan1"));
}

TEST_F(LinksTest, DefaultRoutesThatLeadNowhereOrElsewhereDoNotCount) {
  const Netns peer = Netns::Create();
  AddVeth("wan0", {"10.9.0.1/24"}, peer, "p0", {});
  Sh("ip route add default via 10.9.0.2 table 100");
  Sh("ip route add blackhole default metric 300");
  Sh("ip -6 route add unreachable default metric 300");
  EXPECT_THAT(DefaultRouteNames(), IsEmpty());
}

TEST_F(LinksTest, TellsTheSpeed) {
  const Netns peer = Netns::Create();
  AddVeth("wan0", {}, peer, "p0", {});
  EXPECT_EQ(links_->SpeedBps(*links_->Get("wan0")), 10'000'000'000U);  // what veth says
  EXPECT_EQ(links_->SpeedBps(*links_->Get("lo")), 0U);
  EXPECT_EQ(links_->SpeedBps(Link{.name = "nosuch"}), 0U);
}

TEST_F(LinksTest, StaysInTheNamespaceItWasOpenedIn) {
  const Netns elsewhere = Netns::Create();
  elsewhere.Run([&] { CreateIfb("faultd0"); });
  EXPECT_NE(Sh("ip link show faultd0"), "");
}

TEST_F(LinksTest, WithoutPrivilegeSaysWhatIsNeeded) {
  // The bare system call drops the privilege of this thread alone.
  std::thread([&] {
    ASSERT_EQ(syscall(SYS_setresuid, 65534, 65534, 65534), 0);
    const Status refused = links_->CreateIfb("faultd0", false).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(refused.message(), "add link faultd0: Operation not permitted (needs CAP_NET_ADMIN)");
  }).join();
}

}  // namespace
}  // namespace faultd

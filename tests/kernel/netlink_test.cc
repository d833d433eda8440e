#include "kernel/netlink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "kernel/link_messages.h"
#include "support/netns.h"

namespace faultd {
namespace {

using ::testing::ElementsAre;

class NetlinkTest : public NetnsTest {
 protected:
  NetlinkSocket Open() { return *NetlinkSocket::Open(NETLINK_ROUTE); }

  static NetlinkMessage SetMtu(int ifindex, uint32_t mtu) {
    NetlinkMessage message(RTM_SETLINK, 0);
    message.PutHeader(ifinfomsg{.ifi_family = AF_UNSPEC, .ifi_index = ifindex});
    message.PutU32(IFLA_MTU, mtu);
    return message;
  }

  static std::string MtuOfLo() {
    return Sh("ip -o link show lo | sed 's/.*mtu \\([0-9]*\\).*/\\1/'");
  }
};

TEST_F(NetlinkTest, ErrorsCarryTheKernelsWords) {
  NetlinkSocket socket = Open();
  NetlinkMessage message = SetMtu(1, 0x80000000);
  const Status status = socket.Execute(message, "set mtu of lo");
  EXPECT_EQ(status.message(), "set mtu of lo: Invalid argument (mtu less than device minimum)");
  EXPECT_EQ(ErrnoOf(status), EINVAL);
}

TEST_F(NetlinkTest, ABatchIsDoneAsAWhole) {
  NetlinkSocket socket = Open();
  std::vector<NetlinkMessage> messages;
  for (uint32_t mtu : {2000U, 3000U, 4000U}) messages.push_back(SetMtu(1, mtu));
  EXPECT_TRUE(socket.ExecuteBatch(messages, {}, "change lo").ok());
  EXPECT_EQ(MtuOfLo(), "4000\n");
}

TEST_F(NetlinkTest, TheFirstErrorOfABatchIsNamed) {
  NetlinkSocket socket = Open();
  std::vector<NetlinkMessage> messages;
  messages.push_back(SetMtu(1, 2000));
  messages.push_back(SetMtu(4711, 2000));
  messages.push_back(SetMtu(1, 0x80000000));
  messages.push_back(SetMtu(1, 3000));
  const std::vector<std::string> attempts = {"one", "two", "three", "four"};
  const Status status = socket.ExecuteBatch(messages, attempts, "change lo");
  EXPECT_EQ(status.message(), "change lo: two: No such device");
  // The batch is read to its end: no answer of it is left for the next request.
  EXPECT_EQ(MtuOfLo(), "3000\n");
  NetlinkMessage next = SetMtu(1, 1500);
  EXPECT_TRUE(socket.Execute(next, "change lo").ok());
}

TEST_F(NetlinkTest, AnErrorOfTheLastMessageIsSeen) {
  NetlinkSocket socket = Open();
  std::vector<NetlinkMessage> messages;
  messages.push_back(SetMtu(1, 2000));
  messages.push_back(SetMtu(4711, 2000));
  const std::vector<std::string> attempts = {"one"};
  EXPECT_EQ(socket.ExecuteBatch(messages, attempts, "change lo").message(),
            "change lo: No such device");
}

TEST_F(NetlinkTest, AnEmptyBatchIsDone) {
  NetlinkSocket socket = Open();
  std::vector<NetlinkMessage> messages;
  EXPECT_TRUE(socket.ExecuteBatch(messages, {}, "change nothing").ok());
}

TEST_F(NetlinkTest, ADumpOfManyDatagramsIsReadToItsEnd) {
  NetlinkSocket socket = Open();
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(AddIfb(socket, "test" + std::to_string(i)).ok());
  }
  auto links = DumpLinks(socket);
  ASSERT_TRUE(links.ok()) << links.status();
  EXPECT_EQ(links->size(), 201U);
}

TEST_F(NetlinkTest, WhatIsLeftOfADumpDoesNotKeepTheNextFromBeginning) {
  NetlinkSocket socket = Open();
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(AddIfb(socket, "test" + std::to_string(i)).ok());
  }
  NetlinkMessage message(RTM_GETLINK, NLM_F_DUMP);
  message.PutHeader(ifinfomsg{.ifi_family = AF_UNSPEC});
  const auto fail = [](const nlmsghdr*) { throw std::runtime_error("no more of this"); };
  EXPECT_THROW((void)socket.Query(message, "list links", fail).ok(), std::runtime_error);
  const auto links = DumpLinks(socket);
  ASSERT_TRUE(links.ok()) << links.status();
  EXPECT_EQ(links->size(), 201U);
}

TEST_F(NetlinkTest, AnswersToOtherRequestsAreIgnored) {
  NetlinkSocket socket = Open();
  NetlinkSocket stranger = Open();
  EXPECT_NE(socket.port(), stranger.port());
  // Any process may send to our port.
  sockaddr_nl us{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = socket.port(), .nl_groups = 0};
  const UniqueFd raw(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK));
  NetlinkMessage lie(NLMSG_ERROR, 0);
  lie.PutHeader(nlmsgerr{.error = -EPERM, .msg = {.nlmsg_len = NLMSG_HDRLEN}});
  sendto(raw.get(), lie.header(), lie.size(), 0, reinterpret_cast<sockaddr*>(&us), sizeof(us));
  NetlinkMessage message = SetMtu(1, 2000);
  EXPECT_TRUE(socket.Execute(message, "change lo").ok());
}

TEST_F(NetlinkTest, SocketsAreClosedOnExec) {
  std::vector<std::string> before;
  const NetlinkSocket socket = Open();
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_nl address{};
    socklen_t size = sizeof(address);
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        address.nl_family != AF_NETLINK || address.nl_pid != socket.port()) {
      continue;
    }
    ++found;
    EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  }
  EXPECT_EQ(found, 1);
}

TEST(NetlinkMessageTest, GrowsAndNests) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE, 0);
  message.PutHeader(ifinfomsg{.ifi_index = 7});
  const std::string large(60000, 'x');
  message.Nest(1, [&] {
    message.PutString(2, large);
    message.Nest(3, [&] { message.PutBe32(4, 0x01020304); });
    message.Nest(5, [] {});
  });
  message.PutU8(6, 9);

  EXPECT_EQ(message.header()->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
  std::vector<int> outer;
  std::vector<int> inner;
  const auto attributes = AttributesOf(message.header(), sizeof(ifinfomsg));
  ForEachAttribute(attributes, [&](int type, std::span<const std::byte> data) {
    outer.push_back(type);
    if (type != 1) return;
    ForEachAttribute(data, [&](int inner_type, std::span<const std::byte> value) {
      inner.push_back(inner_type);
      if (inner_type == 2) {
        EXPECT_EQ(value.size(), large.size() + 1);
      }
      if (inner_type != 3) return;
      ForEachAttribute(value, [](int, std::span<const std::byte> number) {
        EXPECT_THAT(number, ElementsAre(std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}));
      });
    });
  });
  EXPECT_THAT(outer, ElementsAre(1, 6));
  EXPECT_THAT(inner, ElementsAre(2, 3, 5));
}

TEST(NetlinkMessageDeathTest, AnAttributeOver64KiBIsABug) {
  NetlinkMessage message(RTM_NEWLINK, 0);
  const std::string half(40000, 'x');
  EXPECT_DEATH(message.Nest(1,
                            [&] {
                              message.PutString(2, half);
                              message.PutString(2, half);
                            }),
               "netlink attribute over 64 KiB");
}

}  // namespace
}  // namespace faultd

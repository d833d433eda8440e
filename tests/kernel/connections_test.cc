#include "kernel/connections.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "support/netns.h"

namespace faultd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

sockaddr_in6 Loopback(const char* address, uint16_t port) {
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  name.sin6_port = htons(port);
  inet_pton(AF_INET6, address, &name.sin6_addr);
  return name;
}

// A hierarchy of cgroup v2 and in it two cgroups, whatever the host has mounted.
class ConnectionsTest : public NetnsTest {
 protected:
  void SetUp() override {
    NetnsTest::SetUp();
    ASSERT_NE(mkdtemp(root_.data()), nullptr);
    before_ = root_ + OwnCgroup();
    agent_ = root_ + "/agent";
    other_ = root_ + "/other";
    ASSERT_EQ(mount("none", root_.c_str(), "cgroup2", 0, nullptr), 0) << strerror(errno);
    for (const auto& cgroup : {agent_, other_}) std::filesystem::create_directory(cgroup);
    listener_.Reset(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in6 name = Loopback("::", 443);
    ASSERT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
    ASSERT_EQ(listen(listener_.get(), 8), 0);
  }

  void TearDown() override {
    Enter(before_);
    connections_.clear();
    for (const auto& cgroup : {agent_, other_}) std::filesystem::remove(cgroup);
    EXPECT_EQ(umount(root_.c_str()), 0);
    std::filesystem::remove(root_);
    NetnsTest::TearDown();
  }

  // The cgroup v2 of this process, as a path below the root.
  static std::string OwnCgroup() {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("0::")) return line.substr(3);
    }
    return "/";
  }

  // Moves this process, and with it the sockets that it makes from now on.
  static void Enter(const std::string& cgroup) {
    std::ofstream file(cgroup + "/cgroup.procs");
    file << getpid() << std::flush;
    EXPECT_TRUE(file.good()) << cgroup;
  }

  void Connect(const std::string& cgroup, const char* address) {
    Enter(cgroup);
    UniqueFd fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in6 name = Loopback(address, 443);
    ASSERT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0)
        << strerror(errno);
    connections_.push_back(std::move(fd));
  }

  std::string root_ = "/tmp/faultd-test-XXXXXX";
  std::string before_;
  std::string agent_;
  std::string other_;
  UniqueFd listener_;
  std::vector<UniqueFd> connections_;
};

TEST_F(ConnectionsTest, AreThoseOfTheCgroupOnly) {
  Connect(agent_, "::ffff:127.0.0.2");
  Connect(agent_, "::ffff:127.0.0.2");
  Connect(agent_, "::1");
  Connect(other_, "::ffff:127.0.0.3");
  const auto of_agent = ConnectionsOfCgroup(agent_);
  ASSERT_TRUE(of_agent.ok()) << of_agent.status();
  EXPECT_THAT(*of_agent, ElementsAre(RemoteEnd{*IpAddress::Parse("127.0.0.2"), 443},
                                     RemoteEnd{*IpAddress::Parse("::1"), 443}));
  connections_.clear();
  EXPECT_THAT(*ConnectionsOfCgroup(agent_), IsEmpty());
}

TEST_F(ConnectionsTest, ThereMustBeSuchACgroup) {
  EXPECT_EQ(ConnectionsOfCgroup(root_ + "/gone").status().message(),
            StrCat("look at ", root_, "/gone: No such file or directory"));
}

}  // namespace
}  // namespace faultd

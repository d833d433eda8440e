#include "probe/dns_client.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>

#include "http/pending_call.h"
#include "unit/http/await.h"
#include "unit/probe/stand_in_sockets.h"

namespace faultd {
namespace {

using boost::asio::ip::tcp;
using Endpoints = StatusOr<std::vector<tcp::endpoint>>;
using std::chrono::milliseconds;

tcp::endpoint At(const std::string& address, uint16_t port) {
  return {boost::asio::ip::make_address(address), port};
}

class DnsClientTest : public testing::Test {
 protected:
  Endpoints Lookup(const std::string& host, std::chrono::nanoseconds timeout = kLongEnough) {
    return Await(context_, client_->Lookup(host, 80, std::chrono::steady_clock::now() + timeout));
  }

  boost::asio::io_context context_;
  StandInNameServer server_{context_};
  std::unique_ptr<DnsClient> client_ = std::make_unique<DnsClient>(
      context_, DnsClient::Options{.hosts_file = false, .servers = server_.address()});
};

TEST_F(DnsClientTest, FindsAddressesOfBothFamilies) {
  server_.ipv4["both.test"] = "127.0.0.9";
  server_.ipv6["both.test"] = "::1";
  server_.ipv6["six.test"] = "::1";
  const auto both = Lookup("both.test");
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(std::set(both->begin(), both->end()), (std::set{At("127.0.0.9", 80), At("::1", 80)}));
  const auto six = Lookup("six.test");
  ASSERT_TRUE(six.ok()) << six.status();
  EXPECT_EQ(*six, std::vector{At("::1", 80)});
}

TEST_F(DnsClientTest, AnAddressAsksNobody) {
  EXPECT_EQ(*Lookup("10.0.0.5"), std::vector{At("10.0.0.5", 80)});
  EXPECT_EQ(*Lookup("fd00::5"), std::vector{At("fd00::5", 80)});
  EXPECT_EQ(server_.questions, 0);
}

TEST_F(DnsClientTest, SaysWhyThereIsNoAddress) {
  server_.without_address = {"empty.test"};
  server_.broken = {"broken.test"};
  server_.silent = {"silent.test"};
  EXPECT_EQ(Lookup("unknown.test").status(),
            absl::NotFoundError("look up unknown.test: no such name"));
  EXPECT_EQ(Lookup("empty.test").status(),
            absl::NotFoundError("look up empty.test: the name has no address"));
  EXPECT_EQ(Lookup("broken.test").status(),
            absl::UnavailableError("look up broken.test: no name server gives an answer"));
  EXPECT_EQ(Lookup("silent.test", milliseconds(50)).status(),
            absl::DeadlineExceededError("look up silent.test: timed out"));
}

TEST_F(DnsClientTest, OneThatHangsHoldsUpNoOther) {
  server_.silent = {"silent.test"};
  server_.ipv4["quick.test"] = "127.0.0.9";
  std::optional<Endpoints> hanging;
  PendingCall call = StartCall<Endpoints>(
      context_, client_->Lookup("silent.test", 80, std::chrono::steady_clock::now() + kLongEnough),
      [&](Endpoints result) { hanging = std::move(result); });
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(Lookup("quick.test").ok());
  EXPECT_FALSE(hanging.has_value());
}

TEST_F(DnsClientTest, AsksAgainWhenAPacketIsLost) {
  server_.lossy = {"lossy.test"};
  server_.ipv4["lossy.test"] = "127.0.0.9";
  const auto found = Lookup("lossy.test");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(server_.questions, 4);
}

TEST_F(DnsClientTest, MayGoAwayWhileItAsks) {
  server_.silent = {"silent.test"};
  std::optional<Endpoints> given_up;
  PendingCall call = StartCall<Endpoints>(
      context_, client_->Lookup("silent.test", 80, std::chrono::steady_clock::now() + kLongEnough),
      [&](Endpoints result) { given_up = std::move(result); });
  RunUntil(context_, [&] { return server_.questions == 2; });
  client_.reset();
  RunUntil(context_, [&] { return given_up.has_value(); });
  EXPECT_EQ(given_up->status().code(), absl::StatusCode::kUnavailable) << given_up->status();
}

TEST_F(DnsClientTest, ItsSocketsAreCloseOnExecAndGoWhenAllIsAnswered) {
  const auto udp_sockets = [] {
    std::vector<int> flags;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      const int fd = std::stoi(entry.path().filename());
      int type = 0;
      socklen_t size = sizeof(type);
      if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM)
        flags.push_back(fcntl(fd, F_GETFD));
    }
    return flags;
  };
  const size_t before = udp_sockets().size();
  server_.silent = {"silent.test"};
  PendingCall call = StartCall<Endpoints>(
      context_, client_->Lookup("silent.test", 80, std::chrono::steady_clock::now() + kLongEnough),
      [](Endpoints) {});
  RunUntil(context_, [&] { return server_.questions == 2; });
  const std::vector<int> during = udp_sockets();
  EXPECT_GT(during.size(), before);
  // The name server's socket of this test, which Asio opened, is the only other.
  EXPECT_EQ(std::count(during.begin(), during.end(), FD_CLOEXEC),
            static_cast<std::ptrdiff_t>(during.size() - before));
  client_.reset();
  EXPECT_EQ(udp_sockets().size(), before);
}

class ResolvConfTest : public DnsClientTest {
 protected:
  ResolvConfTest() { EXPECT_NE(mkdtemp(folder_.data()), nullptr); }
  ~ResolvConfTest() override { std::filesystem::remove_all(folder_); }

  // As an editor does, by a new file in the place of the old one.
  void Write(const std::string& text) const {
    std::ofstream(path() + ".new") << text;
    std::filesystem::rename(path() + ".new", path());
  }
  void MakeClient(bool hosts_file) {
    client_ = std::make_unique<DnsClient>(context_, DnsClient::Options{.hosts_file = hosts_file,
                                                                       .servers = server_.address(),
                                                                       .resolv_conf = path()});
  }
  std::string path() const { return folder_ + "/resolv.conf"; }

  std::string folder_ = testing::TempDir() + "/faultd-dns-XXXXXX";
};

TEST_F(ResolvConfTest, IsFollowed) {
  // A name that the search list makes shows which file was read: the servers are the test's.
  Write("search one.test\n");
  server_.ipv4["db.one.test"] = "127.0.0.1";
  server_.ipv4["db.two.test"] = "127.0.0.2";
  MakeClient(/*hosts_file=*/false);
  EXPECT_EQ(*Lookup("db"), std::vector{At("127.0.0.1", 80)});
  Write("search two.test\n");
  EXPECT_EQ(*Lookup("db"), std::vector{At("127.0.0.2", 80)});
}

TEST_F(ResolvConfTest, ChangesUnderALookup) {
  server_.silent = {"silent.test"};
  server_.ipv4["quick.test"] = "127.0.0.9";
  Write("search one.test\n");
  MakeClient(/*hosts_file=*/false);
  std::optional<Endpoints> hanging;
  PendingCall call = StartCall<Endpoints>(
      context_, client_->Lookup("silent.test", 80, std::chrono::steady_clock::now() + kLongEnough),
      [&](Endpoints result) { hanging = std::move(result); });
  RunUntil(context_, [&] { return server_.questions == 2; });
  for (const char* search : {"search two.test\n", "search three.test\n"}) {
    Write(search);
    EXPECT_TRUE(Lookup("quick.test").ok());
    EXPECT_FALSE(hanging.has_value());
  }
  client_.reset();
  RunUntil(context_, [&] { return hanging.has_value(); });
  EXPECT_TRUE(absl::IsUnavailable(hanging->status())) << hanging->status();
}

TEST_F(ResolvConfTest, SaysWhereToLook) {
  server_.ipv4["db.test"] = "127.0.0.9";
  Write("lookup file\n");
  MakeClient(/*hosts_file=*/true);
  EXPECT_EQ(Lookup("db.test").status(), absl::NotFoundError("look up db.test: no such name"));
  EXPECT_EQ(server_.questions, 0);
  Write("lookup bind file\n");
  EXPECT_EQ(*Lookup("db.test"), std::vector{At("127.0.0.9", 80)});
  server_.broken = {"broken.test"};
  EXPECT_EQ(Lookup("broken.test").status(),
            absl::UnavailableError("look up broken.test: no name server gives an answer"));
}

TEST_F(DnsClientTest, LooksIntoTheHostsFileUnlessTold) {
  client_ = std::make_unique<DnsClient>(context_, DnsClient::Options{.servers = server_.address()});
  const auto found = Lookup("localhost");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->front().address().is_loopback());
  EXPECT_EQ(server_.questions, 0);
}

}  // namespace
}  // namespace faultd

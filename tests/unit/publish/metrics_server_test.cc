#include "publish/metrics_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <list>
#include <string>

#include "base/strings.h"
#include "unit/http/await.h"
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace faultd {
namespace {

using boost::asio::ip::tcp;
using testing::HasSubstr;
using testing::StartsWith;

class MetricsServerTest : public testing::Test {
 protected:
  MetricsServerTest() {
    EXPECT_EQ(server_.Listen({boost::asio::ip::address_v4::loopback(), 0}), absl::OkStatus());
  }

  // All that comes back until the server closes.
  template <typename Socket>
  std::string Exchange(Socket& socket, const std::string& request) {
    boost::asio::write(socket, boost::asio::buffer(request));
    std::string answer;
    bool closed = false;
    boost::asio::async_read(socket, boost::asio::dynamic_buffer(answer),
                            [&](const boost::system::error_code&, size_t) { closed = true; });
    RunUntil(context_, [&] { return closed; });
    return answer;
  }
  std::string Exchange(const std::string& request) {
    tcp::socket socket(context_);
    socket.connect(server_.endpoint());
    return Exchange(socket, request);
  }

  int asked_ = 0;
  boost::asio::io_context context_;
  MetricsServer server_{context_, [this] { return StrCat("up ", ++asked_, "\n"); }};
};

TEST_F(MetricsServerTest, AnswersWithThePageAsItIsThen) {
  EXPECT_EQ(Exchange("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nConnection: close\r\n"
            "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: 5\r\n\r\n"
            "up 1\n");
  EXPECT_THAT(Exchange("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("up 2\n"));
}

TEST_F(MetricsServerTest, ServesAnyStream) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
  server_.Serve(UniqueFd(ends[0]));
  boost::asio::local::stream_protocol::socket socket(
      context_, boost::asio::local::stream_protocol(), ends[1]);
  EXPECT_THAT(Exchange(socket, "GET /metrics HTTP/1.0\r\n\r\n"), HasSubstr("up 1\n"));
}

TEST_F(MetricsServerTest, ThereIsNothingElse) {
  EXPECT_THAT(Exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
              StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(Exchange("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_EQ(Exchange("nonsense\r\n\r\n"), "");
  EXPECT_EQ(Exchange(StrCat("GET /metrics HTTP/1.1\r\nX: ", std::string(20'000, 'x'))), "");
  EXPECT_EQ(asked_, 0);
}

TEST_F(MetricsServerTest, ConnectionsAreBounded) {
  std::list<tcp::socket> silent;
  for (size_t i = 0; i < MetricsServer::kMostConnections; ++i) {
    silent.emplace_back(context_).connect(server_.endpoint());
  }
  // The server accepts in order, so that this one comes last.
  EXPECT_EQ(Exchange("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), "");
  silent.clear();
  std::string answer;
  while (answer.empty()) answer = Exchange("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("up 1\n"));
}

TEST_F(MetricsServerTest, AddressInUseIsToldWithTheAddress) {
  MetricsServer other(context_, [] { return std::string(); });
  const Status status = other.Listen(server_.endpoint());
  EXPECT_EQ(status.message(), StrCat("listen on 127.0.0.1 port ", server_.endpoint().port(),
                                     ": Address already in use"));
}

}  // namespace
}  // namespace faultd

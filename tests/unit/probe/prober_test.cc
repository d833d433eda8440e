#include "probe/prober.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "unit/http/await.h"
#include "unit/http/certificate.h"
#include "unit/http/http_stand_in.h"
#include "unit/probe/stand_in_sockets.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using Reply = HttpStandIn::Reply;
using Request = HttpStandIn::Request;

class ProberTest : public testing::Test {
 protected:
  Status Attempt(const ProbeConfig& config, std::chrono::nanoseconds timeout = kLongEnough) {
    return Await(context_, prober_->Attempt(config, std::chrono::steady_clock::now() + timeout));
  }

  static ProbeConfig Tcp(const std::string& host, int port) {
    return {.host = host, .port = static_cast<uint16_t>(port)};
  }
  static ProbeConfig Http(const HttpStandIn& server) {
    return {.kind = ProbeKind::kHttp,
            .host = "127.0.0.1",
            .port = static_cast<uint16_t>(server.port()),
            .path = "/health"};
  }
  static ProbeConfig Https(const HttpStandIn& server) {
    ProbeConfig config = Http(server);
    config.host = "localhost";
    config.tls = true;
    return config;
  }
  void Trust(const TestCertificate& certificate) {
    prober_ = std::make_unique<Prober>(
        context_, Prober::Options{.ca_bundle = certificate.certificate_path()});
  }

  boost::asio::io_context context_;
  StandInNameServer names_{context_};
  std::unique_ptr<Prober> prober_ =
      std::make_unique<Prober>(context_, Prober::Options{.dns = {.servers = names_.address()}});
};

TEST_F(ProberTest, TcpIsUpWhenThePortAnswers) {
  StandInListener listener;
  EXPECT_EQ(Attempt(Tcp("127.0.0.1", listener.port())), absl::OkStatus());
  names_.ipv4["db.test"] = "127.0.0.1";
  EXPECT_EQ(Attempt(Tcp("db.test", listener.port())), absl::OkStatus());
}

TEST_F(ProberTest, TcpSaysWhyItIsDown) {
  StandInListener gone;
  gone.Close();
  EXPECT_EQ(Attempt(Tcp("127.0.0.1", gone.port())),
            absl::UnavailableError(
                StrCat("connect to 127.0.0.1 port ", gone.port(), ": Connection refused")));
  const StandInListener full(true);
  EXPECT_EQ(Attempt(Tcp("127.0.0.1", full.port()), milliseconds(100)),
            absl::DeadlineExceededError(
                StrCat("connect to 127.0.0.1 port ", full.port(), ": timed out")));
  EXPECT_EQ(Attempt(Tcp("db.test", 5432)), absl::NotFoundError("look up db.test: no such name"));
  names_.silent = {"silent.test"};
  EXPECT_EQ(Attempt(Tcp("silent.test", 5432), milliseconds(50)),
            absl::DeadlineExceededError("look up silent.test: timed out"));
}

TEST_F(ProberTest, TcpTriesEachAddressOfAName) {
  StandInListener listener;  // on IPv4 only
  names_.ipv4["db.test"] = "127.0.0.1";
  names_.ipv6["db.test"] = "::1";
  EXPECT_EQ(Attempt(Tcp("db.test", listener.port())), absl::OkStatus());
}

TEST_F(ProberTest, TcpLeavesAServerThatGreetsWithoutAReset) {
  StandInListener listener;
  std::atomic<int> error = -1;
  std::thread server([&] { error = listener.AcceptAndRead("8.0.34 MySQL"); });
  EXPECT_EQ(Attempt(Tcp("127.0.0.1", listener.port())), absl::OkStatus());
  server.join();
  RunUntil(context_, [&] { return error != -1; });
  EXPECT_EQ(error, 0);
}

TEST_F(ProberTest, HttpIsUpWhenTheStatusIsExpected) {
  int status = 200;
  HttpStandIn server([&](const Request&) { return Reply{status, "all is well"}; });
  ProbeConfig config = Http(server);
  EXPECT_EQ(Attempt(config), absl::OkStatus());
  status = 301;
  EXPECT_EQ(Attempt(config), absl::OkStatus());
  status = 503;
  const std::string what = StrCat("GET http://127.0.0.1:", server.port(), "/health: status ");
  EXPECT_EQ(Attempt(config), absl::UnavailableError(what + "503, expected 200 to 399"));
  config.least_status = config.most_status = 204;
  status = 200;
  EXPECT_EQ(Attempt(config), absl::UnavailableError(what + "200, expected 204"));
  EXPECT_EQ(server.connections(), 4);
  const Request seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "GET");
  EXPECT_EQ(seen.target, "/health");
  EXPECT_EQ(seen.headers.at("connection"), "close");
  EXPECT_EQ(seen.headers.at("user-agent"), "faultd/" FAULTD_VERSION " (probe)");
}

TEST_F(ProberTest, HttpDoesNotWaitForTheBody) {
  HttpStandIn server([](const Request&) { return Reply{200, std::string(32 << 20, 'x')}; });
  EXPECT_EQ(Attempt(Http(server)), absl::OkStatus());
}

TEST_F(ProberTest, HttpIsDownWithoutAnAnswer) {
  std::atomic habit = Reply::kHang;  // the stand-in has threads of its own
  HttpStandIn server([&](const Request&) { return Reply{.habit = habit}; });
  EXPECT_EQ(Attempt(Http(server), milliseconds(100)),
            absl::DeadlineExceededError(
                StrCat("GET http://127.0.0.1:", server.port(), ": no answer in time")));
  habit = Reply::kClose;
  EXPECT_EQ(Attempt(Http(server)).code(), absl::StatusCode::kUnavailable);
  habit = Reply::kGarbage;
  EXPECT_EQ(Attempt(Http(server)).code(), absl::StatusCode::kUnavailable);
}

TEST_F(ProberTest, HttpsVerifiesTheCertificate) {
  const TestCertificate certificate("localhost");
  HttpStandIn server([](const Request&) { return Reply{}; }, certificate.tls());
  Trust(certificate);
  EXPECT_EQ(Attempt(Https(server)), absl::OkStatus());

  const TestCertificate other("example.com");
  HttpStandIn impostor([](const Request&) { return Reply{}; }, other.tls());
  Trust(other);
  EXPECT_EQ(Attempt(Https(impostor)),
            absl::FailedPreconditionError("the certificate of localhost is not accepted: it is for "
                                          "another host; verify_tls = false accepts any"));
  EXPECT_TRUE(impostor.requests().empty());
}

TEST_F(ProberTest, HttpsAcceptsAnyCertificateWhenToldNotToVerify) {
  const TestCertificate certificate("example.com");
  HttpStandIn server([](const Request&) { return Reply{}; }, certificate.tls());
  ProbeConfig config = Https(server);
  config.verify = false;
  EXPECT_EQ(Attempt(config), absl::OkStatus());
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(ProberTest, DnsIsUpWhenTheNameHasAnAddress) {
  const auto dns = [](const std::string& name) {
    return ProbeConfig{.kind = ProbeKind::kDns, .host = name};
  };
  names_.ipv6["six.test"] = "fd00::1";
  names_.without_address = {"empty.test"};
  EXPECT_EQ(Attempt(dns("six.test")), absl::OkStatus());
  EXPECT_EQ(Attempt(dns("empty.test")),
            absl::NotFoundError("look up empty.test: the name has no address"));
  EXPECT_EQ(Attempt(dns("unknown.test")),
            absl::NotFoundError("look up unknown.test: no such name"));
}

}  // namespace
}  // namespace faultd

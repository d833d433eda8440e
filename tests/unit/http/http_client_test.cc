#include "http/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/pending_call.h"
#include "unit/http/await.h"
#include "unit/http/certificate.h"
#include "unit/http/http_stand_in.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using Reply = HttpStandIn::Reply;
using Request = HttpStandIn::Request;

constexpr std::chrono::seconds kTimeout{20};

class HttpClientTest : public testing::Test {
 protected:
  StatusOr<HttpResponse> Send(const std::string& url, std::chrono::nanoseconds timeout = kTimeout,
                              const std::string& body = "") {
    HttpRequest request;
    request.url = *Url::Parse(url);
    if (!body.empty()) request.method = "POST";
    request.headers = {{"X-Test", "yes"}};
    request.body = body;
    return Await(context_, client_->Send(std::move(request), timeout));
  }

  boost::asio::io_context context_;
  std::shared_ptr<HttpClient> client_ = HttpClient::Create(context_, {});
};

TEST_F(HttpClientTest, SendsAndReceives) {
  HttpStandIn server([](const Request& request) {
    return Reply{418, "you said " + request.body, {{"X-Answer", "short and stout"}}};
  });
  auto response = Send(server.url() + "/pot?tea=1", kTimeout, "hello");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 418);
  EXPECT_EQ(response->body, "you said hello");
  EXPECT_EQ(response->Header("x-answer"), "short and stout");
  const Request seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/pot?tea=1");
  EXPECT_EQ(seen.headers.at("host"), StrCat("127.0.0.1:", server.port()));
  EXPECT_EQ(seen.headers.at("content-length"), "5");
  EXPECT_EQ(seen.headers.at("x-test"), "yes");
}

TEST_F(HttpClientTest, KeepsConnections) {
  HttpStandIn server([](const Request&) { return Reply{}; });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Send(server.url()).ok());
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client_->idle_connections(), 1u);
}

TEST_F(HttpClientTest, KeepsNoMoreConnectionsThanToldAndNoLonger) {
  client_ =
      HttpClient::Create(context_, {.max_idle_connections = 2, .max_idle_time = milliseconds(50)});
  const auto answer = [](const Request&) { return Reply{}; };
  HttpStandIn a(answer);
  HttpStandIn b(answer);
  HttpStandIn c(answer);
  for (HttpStandIn* server : {&a, &b, &c}) {
    EXPECT_TRUE(Send(server->url()).ok());
    EXPECT_LE(client_->idle_connections(), 2u);
  }
  RunUntil(context_, [&] { return client_->idle_connections() == 0; });
}

TEST_F(HttpClientTest, ConnectsAgainWhenTheServerHasClosed) {
  HttpStandIn server([](const Request& request) {
    // The second request finds a connection that the server gives up without a word.
    return Reply{200,
                 "ok",
                 {},
                 request.connection == 1 && request.body == "2" ? Reply::kClose : Reply::kAnswer};
  });
  EXPECT_TRUE(Send(server.url(), kTimeout, "1").ok());
  EXPECT_TRUE(Send(server.url(), kTimeout, "2").ok());
  EXPECT_EQ(server.connections(), 2);
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST_F(HttpClientTest, DoesNotRepeatOnANewConnection) {
  HttpStandIn server([](const Request&) { return Reply{.habit = Reply::kClose}; });
  const auto response = Send(server.url(), kTimeout, "1");
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable) << response.status();
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(HttpClientTest, GivesUpAtTheDeadline) {
  HttpStandIn server([](const Request&) { return Reply{.habit = Reply::kHang}; });
  const auto response = Send(server.url(), milliseconds(100));
  EXPECT_EQ(response.status(),
            absl::DeadlineExceededError(StrCat("GET ", server.url(), ": no answer in time")));
  EXPECT_EQ(client_->idle_connections(), 0u);
}

TEST_F(HttpClientTest, GivesUpConnectingAtTheDeadline) {
  // A listener whose queue is full does not answer: the third connection hangs.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 0), 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(filler, reinterpret_cast<sockaddr*>(&address), size), 0);
  const int port = ntohs(address.sin_port);
  const auto response = Send(StrCat("http://127.0.0.1:", port), milliseconds(200));
  EXPECT_EQ(response.status(), absl::DeadlineExceededError(StrCat("GET http://127.0.0.1:", port,
                                                                  ": connect to 127.0.0.1 port ",
                                                                  port, ": timed out")));
  close(filler);
  close(listener);
}

TEST_F(HttpClientTest, SaysWhyThereIsNoConnection) {
  int port = 0;
  {
    HttpStandIn gone([](const Request&) { return Reply{}; });
    port = gone.port();
  }
  EXPECT_EQ(
      Send(StrCat("http://127.0.0.1:", port)).status(),
      absl::UnavailableError(StrCat("GET http://127.0.0.1:", port, ": connect to 127.0.0.1 port ",
                                    port, ": Connection refused")));
}

TEST_F(HttpClientTest, FollowsNoRedirect) {
  HttpStandIn server([](const Request&) { return Reply{302, "", {{"Location", "/elsewhere"}}}; });
  EXPECT_EQ(Send(server.url())->status, 302);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(HttpClientTest, RefusesLargeAnswersAndGarbage) {
  client_ = HttpClient::Create(context_, {.max_response_bytes = 1000});
  HttpStandIn server([](const Request& request) {
    Reply reply{200, std::string(request.target == "/fits" ? 1000 : 1001, 'x')};
    if (request.target == "/garbage") reply.habit = Reply::kGarbage;
    return reply;
  });
  EXPECT_TRUE(Send(server.url() + "/fits").ok());
  EXPECT_EQ(Send(server.url() + "/large").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Send(server.url() + "/garbage").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(HttpClientTest, ClosesItsSocketsOnExec) {
  HttpStandIn server([](const Request&) { return Reply{}; });
  ASSERT_TRUE(Send(server.url()).ok());
  int sockets = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof(peer);
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (ntohs(peer.sin_port) != server.port()) continue;
    ++sockets;
    EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  }
  EXPECT_EQ(sockets, 1);
}

TEST_F(HttpClientTest, CanBeGivenUp) {
  bool asked = false;
  HttpStandIn server([&](const Request&) {
    boost::asio::post(context_, [&] { asked = true; });
    return Reply{.habit = Reply::kHang};
  });
  HttpRequest request;
  request.url = *Url::Parse(server.url());
  bool called = false;
  {
    const PendingCall call =
        StartCall<StatusOr<HttpResponse>>(context_, client_->Send(std::move(request), kTimeout),
                                          [&](StatusOr<HttpResponse>) { called = true; });
    RunUntil(context_, [&] { return asked; });
  }
  client_.reset();
  context_.restart();
  // With the call given up nothing is left for the loop to do.
  const auto started = std::chrono::steady_clock::now();
  context_.run();
  EXPECT_LT(std::chrono::steady_clock::now() - started, kTimeout);
  EXPECT_FALSE(called);
}

class HttpsClientTest : public HttpClientTest {
 protected:
  void Trust(const TestCertificate& certificate) {
    client_ = HttpClient::Create(context_, {.ca_bundle = certificate.certificate_path()});
  }
  static HttpStandIn::Handler Answer() {
    return [](const Request&) { return Reply{200, "secret"}; };
  }
};

TEST_F(HttpsClientTest, AcceptsACertificateOfTheBundleForTheHost) {
  const TestCertificate certificate("localhost");
  HttpStandIn server(Answer(), certificate.tls());
  Trust(certificate);
  for (int i = 0; i < 2; ++i) {
    auto response = Send(server.url());
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->body, "secret");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpsClientTest, RefusesACertificateForAnotherHost) {
  const TestCertificate certificate("example.com");
  HttpStandIn server(Answer(), certificate.tls());
  Trust(certificate);
  EXPECT_EQ(Send(server.url()).status(),
            absl::FailedPreconditionError(
                StrCat("GET ", server.url(),
                       ": the certificate of localhost is not accepted: it is for another host "
                       "(AWS_CA_BUNDLE names the file of accepted authorities)")));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(HttpsClientTest, RefusesACertificateOfNobodyItKnows) {
  const TestCertificate certificate("localhost");
  const TestCertificate other("localhost");
  HttpStandIn server(Answer(), certificate.tls());
  Trust(other);
  const auto response = Send(server.url());
  EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition) << response.status();
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(HttpsClientTest, SaysThatTheBundleIsMissing) {
  client_ = HttpClient::Create(context_, {.ca_bundle = "/nonexistent/ca.pem"});
  EXPECT_EQ(Send("https://localhost:1").status(),
            absl::FailedPreconditionError(
                "read CA certificates from /nonexistent/ca.pem: No such file or directory"));
}

TEST_F(HttpsClientTest, GivesUpTheHandshakeAtTheDeadline) {
  const TestCertificate certificate("localhost");
  // It waits for a request, and so says nothing to the greeting of TLS.
  HttpStandIn plain([](const Request&) { return Reply{.habit = Reply::kHang}; });
  Trust(certificate);
  const auto response = Send(StrCat("https://127.0.0.1:", plain.port()), milliseconds(200));
  EXPECT_FALSE(response.ok());
}

}  // namespace
}  // namespace faultd

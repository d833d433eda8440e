// What a name server may answer. An input is a letter and the same answer to every question,
// without the id: w has it as it is, q without the question, which is put in its place. c-ares,
// which reads it, is used as it is.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <optional>

#include "absl/strings/match.h"
#include "base/unique_fd.h"
#include "fuzz/check.h"
#include "probe/dns_client.h"
#include <boost/asio/co_spawn.hpp>

namespace faultd {
namespace {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

constexpr char kHost[] = "db.example";
constexpr uint16_t kPort = 5432;
constexpr size_t kIdSize = 2;
constexpr size_t kHeaderSize = 12;

class NameServer {
 public:
  NameServer() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    Check(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
              getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0,
          "there is a port");
    address_ = StrCat("127.0.0.1:", ntohs(address.sin_port));
  }

  const std::string& address() const { return address_; }

  bool IsAsked() const {
    pollfd question{fd_.get(), POLLIN, 0};
    return poll(&question, 1, 0) > 0;
  }

  // Answers everything that was asked; without an answer, forgets it.
  void AnswerAll(const std::function<std::string(std::string_view question)>& answer) {
    char question[512];
    sockaddr_in client{};
    socklen_t size = sizeof(client);
    ssize_t got = 0;
    while ((got = recvfrom(fd_.get(), question, sizeof(question), 0,
                           reinterpret_cast<sockaddr*>(&client), &size)) > 0) {
      if (answer == nullptr) continue;
      const std::string reply = answer({question, static_cast<size_t>(got)});
      sendto(fd_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&client), size);
    }
  }

 private:
  const UniqueFd fd_;
  std::string address_;
};

std::string Answer(bool with_question, std::string_view question, std::string_view input) {
  std::string answer(question.substr(0, kIdSize));
  if (!with_question) return answer.append(input);
  const size_t header = std::min(input.size(), kHeaderSize - kIdSize);
  // No additional records are asked for: all behind the header is the question.
  return answer.append(input.substr(0, header))
      .append(question.substr(std::min(question.size(), kHeaderSize)))
      .append(input.substr(header));
}

void LookUp(bool with_question, std::string_view input) {
  constexpr int kRounds = 16;
  constexpr std::chrono::milliseconds kPatience{10};  // the question may be on its way
  static NameServer server;
  server.AnswerAll(nullptr);
  static boost::asio::io_context context;  // its thread reads resolv.conf
  auto client = std::make_unique<DnsClient>(
      context, DnsClient::Options{
                   .hosts_file = false, .servers = server.address(), .resolv_conf = "/dev/null"});
  std::optional<StatusOr<Endpoints>> result;
  boost::asio::co_spawn(
      context,
      client->Lookup(kHost, kPort, std::chrono::steady_clock::now() + std::chrono::hours(1)),
      [&result](std::exception_ptr failed, StatusOr<Endpoints> found) {
        Check(failed == nullptr, "a lookup throws nothing");
        result = std::move(found);
      });
  context.restart();
  while (!result && !server.IsAsked()) context.run_one_for(kPatience);
  for (int i = 0; i < kRounds && !result; ++i) {
    context.restart();
    context.poll();
    server.AnswerAll(
        [&](std::string_view question) { return Answer(with_question, question, input); });
  }
  // What is no answer is waited for no longer.
  client.reset();
  context.restart();
  context.poll();
  Check(result.has_value(), "a lookup ends with its client");
  if (!result->ok()) {
    CheckError(result->status());
    Check(absl::StartsWith(result->status().message(), "look up db.example: "),
          "an error names the host", result->status().ToString());
    return;
  }
  Check(!(*result)->empty(), "there is an address");
  for (const auto& endpoint : **result) {
    Check(endpoint.port() == kPort && (endpoint.address().is_v4() || endpoint.address().is_v6()),
          "an endpoint is one", endpoint.address().to_string());
  }
}

}  // namespace
}  // namespace faultd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input = faultd::TextOf(data, size);
  const char letter = faultd::TakeLetter(input);
  if (letter == 'w' || letter == 'q') faultd::LookUp(letter == 'q', input);
  return 0;
}

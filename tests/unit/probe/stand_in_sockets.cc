#include "unit/probe/stand_in_sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <stdexcept>

#include "base/strings.h"

namespace faultd {
namespace {

using boost::asio::ip::udp;

void Require(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

constexpr char kTypeA = 1;
constexpr char kTypeAaaa = 28;

}  // namespace

StandInListener::StandInListener(bool full) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* name = reinterpret_cast<sockaddr*>(&address);
  Require(bind(fd_.get(), name, size) == 0, "bind");
  Require(listen(fd_.get(), full ? 0 : 1024) == 0, "listen");
  Require(getsockname(fd_.get(), name, &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
  if (!full) return;
  // A queue of length 0 has room for one.
  fillers_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Require(connect(fillers_.back().get(), name, size) == 0, "connect");
}

int StandInListener::AcceptAndRead(const std::string& greeting) {
  const UniqueFd connection(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  Require(connection.valid(), "accept");
  if (!greeting.empty()) send(connection.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL);
  char buffer[64];
  ssize_t got = 0;
  while ((got = recv(connection.get(), buffer, sizeof(buffer), 0)) > 0) continue;
  return got == 0 ? 0 : errno;
}

StandInNameServer::StandInNameServer(boost::asio::io_context& context)
    : socket_(context, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
  Receive();
}

std::string StandInNameServer::address() const {
  return StrCat("127.0.0.1:", int{socket_.local_endpoint().port()});
}

void StandInNameServer::Receive() {
  socket_.async_receive_from(boost::asio::buffer(buffer_), client_,
                             [this](const boost::system::error_code& error, size_t size) {
                               if (error) return;
                               Answer(std::string(buffer_, size));
                               Receive();
                             });
}

// RFC 1035, 4: a header of 12 bytes, the name as labels, type and class.
void StandInNameServer::Answer(std::string question) {
  ++questions;
  std::string name;
  size_t at = 12;
  while (const size_t length = static_cast<uint8_t>(question.at(at))) {
    StrAppend(&name, name.empty() ? "" : ".", question.substr(at + 1, length));
    at += length + 1;
  }
  const char type = question.at(at + 2);
  const std::string key = StrCat(name, type == kTypeA ? " A" : " AAAA");
  if (silent.contains(name) || (lossy.contains(name) && lossy.insert(key).second)) return;

  const auto& addresses = type == kTypeAaaa ? ipv6 : ipv4;
  const auto found = addresses.find(name);
  const bool known = ipv4.contains(name) || ipv6.contains(name) || without_address.contains(name);
  std::string answer = question.substr(0, at + 5);
  answer[2] = '\x81';  // a response; recursion desired
  answer[3] = broken.contains(name) ? '\x82' : known ? '\x80' : '\x83';
  answer.replace(6, 6, std::string(6, '\0'));  // nothing but the question
  if (found != addresses.end()) {
    answer[7] = 1;
    const int family = type == kTypeA ? AF_INET : AF_INET6;
    char address[16];
    Require(inet_pton(family, found->second.c_str(), address) == 1, "inet_pton");
    const size_t size = family == AF_INET ? 4 : 16;
    // The name of the question; type, class IN, TTL 60 s, size.
    answer += std::string("\xc0\x0c\0", 3) + type + std::string("\0\1\0\0\0\x3c\0", 7) +
              static_cast<char>(size) + std::string(address, size);
  }
  socket_.send_to(boost::asio::buffer(answer), client_);
}

}  // namespace faultd

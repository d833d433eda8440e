#include "fuzz/answering_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fuzz/check.h"

namespace faultd {

AnsweringServer::AnsweringServer(std::string answer, bool and_close)
    : answer_(std::move(answer)),
      and_close_(and_close),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  // Each has an address of its own: a connection that was closed keeps its pair of addresses and
  // ports for a minute, and a new one that meets it is slow.
  static uint32_t count = 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + ++count % 0xFFFF);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  Check(bind(listener_.get(), generic, size) == 0 && listen(listener_.get(), SOMAXCONN) == 0 &&
            getsockname(listener_.get(), generic, &size) == 0,
        "there is a port");
  url_ = StrCat("http://", inet_ntoa(address.sin_addr), ":", ntohs(address.sin_port));
}

void AnsweringServer::Step() {
  const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) clients_.emplace_back(fd);
  char request[4096];
  for (const UniqueFd& client : clients_) {
    bool asked = false;
    while (recv(client.get(), request, sizeof(request), 0) > 0) asked = true;
    if (!asked) continue;
    send(client.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    if (and_close_) shutdown(client.get(), SHUT_WR);
  }
}

}  // namespace faultd

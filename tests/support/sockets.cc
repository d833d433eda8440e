#include "support/sockets.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace faultd {
namespace {

sockaddr_storage SocketAddress(const std::string& address, uint16_t port, socklen_t& size) {
  sockaddr_storage storage{};
  if (address.find(':') == std::string::npos) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    inet_pton(AF_INET, address.c_str(), &v4->sin_addr);
    size = sizeof(*v4);
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr);
    size = sizeof(*v6);
  }
  return storage;
}

}  // namespace

UniqueFd OpenSocket(const std::string& address, int type, uint16_t port, bool listens) {
  socklen_t size = 0;
  const sockaddr_storage to = SocketAddress(address, port, size);
  UniqueFd fd(socket(to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto* where = reinterpret_cast<const sockaddr*>(&to);
  if (listens) {
    EXPECT_EQ(bind(fd.get(), where, size), 0) << strerror(errno);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(listen(fd.get(), 100), 0);
    }
  } else if (connect(fd.get(), where, size) != 0) {
    EXPECT_EQ(errno, EINPROGRESS);
  }
  return fd;
}

bool Ready(const UniqueFd& fd, short events, int timeout_ms) {
  pollfd wanted{.fd = fd.get(), .events = events};
  return poll(&wanted, 1, timeout_ms) == 1;
}

bool Connects(const std::string& address, uint16_t port, int timeout_ms) {
  const UniqueFd fd = OpenSocket(address, SOCK_STREAM, port, false);
  if (!Ready(fd, POLLOUT, timeout_ms)) return false;
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0;
}

bool ConnectHangs(const std::string& address, uint16_t port) {
  const UniqueFd fd = OpenSocket(address, SOCK_STREAM, port, false);
  return !Ready(fd, POLLOUT, kHangs);
}

}  // namespace faultd

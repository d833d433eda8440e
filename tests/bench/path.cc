#include "bench/path.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "bench/commands.h"
#include "bench/require.h"

namespace faultd::bench {
namespace {

constexpr char kFarInterface[] = "far0";
constexpr char kNearAddress[] = "10.8.0.1";
constexpr char kFarAddress[] = "10.8.0.2";
constexpr uint16_t kPort = 7000;
constexpr int kPatienceMs = 10'000;

sockaddr_in AddressOf(const char* host) {
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(kPort)};
  inet_pton(AF_INET, host, &address.sin_addr);
  return address;
}

const sockaddr* Generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

void Check(bool ok, const char* attempt) {
  if (!ok) Require(ErrnoStatus(errno, attempt));
}

UniqueFd Open(int type, const char* bind_to) {
  UniqueFd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  Check(fd.valid(), "make a socket");
  const sockaddr_in address = AddressOf(bind_to);
  Check(bind(fd.get(), Generic(address), sizeof(address)) == 0, "bind a socket");
  return fd;
}

void WaitFor(int fd, short event) {
  pollfd ready{.fd = fd, .events = event, .revents = 0};
  if (poll(&ready, 1, kPatienceMs) != 1) throw std::runtime_error("the path carries nothing");
}

void SendDatagram(int from) {
  const char datagram[64] = {};
  Check(send(from, datagram, sizeof(datagram), 0) == sizeof(datagram), "send a datagram");
}

void ReceiveDatagram(int at) {
  char datagram[64];
  WaitFor(at, POLLIN);
  Check(recv(at, datagram, sizeof(datagram), 0) == sizeof(datagram), "receive a datagram");
}

void ConfigureEnd(const char* interface, const char* address) {
  Run({"ip", "address", "add", std::string(address) + "/24", "dev", interface});
  Run({"ip", "link", "set", interface, "up"});
}

}  // namespace

Path::Path() {
  // A thread can have a network namespace of its own, which stays while it has sockets.
  std::promise<pid_t> entered;
  std::promise<void> joined;
  auto far = std::async(std::launch::async, [&] {
    try {
      Check(unshare(CLONE_NEWNET) == 0, "make a network namespace");
      entered.set_value(gettid());
    } catch (...) {
      entered.set_exception(std::current_exception());
      return;
    }
    joined.get_future().get();
    OpenFarEnd();
  });
  const std::string thread = std::to_string(entered.get_future().get());
  try {
    Run({"ip", "link", "add", kNearInterface, "type", "veth", "peer", "name", kFarInterface,
         "netns", thread});
    ConfigureEnd(kNearInterface, kNearAddress);
    joined.set_value();
  } catch (...) {
    joined.set_exception(std::current_exception());
  }
  far.get();
  Connect();
}

Path::~Path() { Wait(Spawn({"ip", "link", "delete", kNearInterface})); }

void Path::OpenFarEnd() {
  ConfigureEnd(kFarInterface, kFarAddress);
  listener_ = Open(SOCK_STREAM, kFarAddress);
  Check(listen(listener_.get(), 1) == 0, "listen");
  far_udp_ = Open(SOCK_DGRAM, kFarAddress);
}

void Path::Connect() {
  const sockaddr_in near = AddressOf(kNearAddress);
  const sockaddr_in far = AddressOf(kFarAddress);
  near_tcp_ = Open(SOCK_STREAM, kNearAddress);
  Check(connect(near_tcp_.get(), Generic(far), sizeof(far)) == 0, "connect to the far end");
  far_tcp_ = UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  Check(far_tcp_.valid(), "accept");
  near_udp_ = Open(SOCK_DGRAM, kNearAddress);
  Check(connect(near_udp_.get(), Generic(far), sizeof(far)) == 0 &&
            connect(far_udp_.get(), Generic(near), sizeof(near)) == 0,
        "connect datagram sockets");
}

void Path::SendTcp(size_t bytes) {
  static std::vector<char> buffer(256 << 10);
  size_t sent = 0;
  size_t received = 0;
  while (received < bytes) {
    ssize_t out = 0;
    if (sent < bytes) {
      out = send(near_tcp_.get(), buffer.data(), std::min(buffer.size(), bytes - sent),
                 MSG_DONTWAIT | MSG_NOSIGNAL);
      Check(out >= 0 || errno == EAGAIN, "send");
      if (out > 0) sent += static_cast<size_t>(out);
    }
    const ssize_t in = recv(far_tcp_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    Check(in >= 0 || errno == EAGAIN, "receive");
    if (in > 0) received += static_cast<size_t>(in);
    if (in <= 0 && out <= 0) WaitFor(far_tcp_.get(), POLLIN);
  }
}

void Path::RoundTrip() {
  SendDatagram(near_udp_.get());
  ReceiveDatagram(far_udp_.get());
  SendDatagram(far_udp_.get());
  ReceiveDatagram(near_udp_.get());
}

}  // namespace faultd::bench

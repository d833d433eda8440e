#include "daemon/tcp_listener.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "daemon/accept_loop.h"

namespace faultd {
namespace {

using boost::asio::ip::tcp;

ino_t SocketOf(int fd) {
  struct stat info{};
  return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode) ? info.st_ino : 0;
}

boost::asio::ip::address AddressOf(const sockaddr_storage& name) {
  tcp::endpoint endpoint;
  std::memcpy(endpoint.data(), &name, endpoint.capacity());
  return endpoint.address();
}

}  // namespace

StatusOr<tcp::endpoint> ParseListenAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  uint32_t port = 0;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error || address.is_v6() != bracketed || !absl::SimpleAtoi(text.substr(colon + 1), &port) ||
      port > 65535) {
    return absl::InvalidArgumentError(StrCat(
        "\"", text,
        "\" is not an address to listen on; write address:port, e.g. 0.0.0.0:7443 or [::]:7443"));
  }
  return tcp::endpoint(address, static_cast<uint16_t>(port));
}

StatusOr<std::unique_ptr<TcpListener>> TcpListener::Open(AsioLoop& loop, const std::string& address,
                                                         std::function<void(UniqueFd)> accepted) {
  ASSIGN_OR_RETURN(const tcp::endpoint endpoint, ParseListenAddress(address));
  std::unique_ptr<TcpListener> listener(new TcpListener(loop, std::move(accepted)));
  tcp::acceptor& acceptor = listener->acceptor_;
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) return absl::UnavailableError(StrCat("listen on ", address, ": ", error.message()));
  fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
  AcceptAll(loop, acceptor,
            [raw = listener.get()](UniqueFd connection) { raw->Accepted(std::move(connection)); });
  return listener;
}

bool TcpListener::HasRoomFor(const boost::asio::ip::address& address) {
  const auto of_address = [&] {
    return std::count_if(connections_.begin(), connections_.end(),
                         [&](const auto& each) { return each.second.address == address; });
  };
  const auto has_room = [&] {
    return connections_.size() < kMost && static_cast<size_t>(of_address()) < kMostPerAddress;
  };
  if (has_room()) return true;
  // Not for each connection of a flood: that would cost the loop more than the flood does.
  constexpr std::chrono::milliseconds kBetweenLooks{100};
  const BootTime now = SystemClock().Now();
  if (now < next_look_) return false;
  next_look_ = now + kBetweenLooks;
  std::erase_if(connections_,
                [](const auto& each) { return SocketOf(each.first) != each.second.socket; });
  return has_room();
}

// Closing the descriptor closes the connection.
void TcpListener::Accepted(UniqueFd connection) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  if (getpeername(connection.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0) return;
  const auto address = AddressOf(name);
  const bool has_room = HasRoomFor(address);
  if (!has_room && !full_)
    spdlog::warn("too many connections, closing those from {} and others", address.to_string());
  full_ = !has_room;
  if (!has_room) return;
  connections_[connection.get()] = {SocketOf(connection.get()), address};
  accepted_(std::move(connection));
}

}  // namespace faultd

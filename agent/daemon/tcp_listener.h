#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "daemon/asio_loop.h"
#include <boost/asio/ip/tcp.hpp>

namespace faultd {

// Listens on a TCP address and hands over each connection, as long as there are not too many:
// beyond kMost, or kMostPerAddress from one address, they are closed at once.
class TcpListener {
 public:
  // `address` as ParseListenAddress takes it.
  static StatusOr<std::unique_ptr<TcpListener>> Open(AsioLoop& loop, const std::string& address,
                                                     std::function<void(UniqueFd)> accepted);

  // With the port that was chosen for port 0.
  boost::asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

  static constexpr size_t kMost = 256;
  static constexpr size_t kMostPerAddress = 64;

 private:
  // A descriptor that was handed over. Whoever has it closes it without a word, so it is recognised
  // by the number of its socket.
  struct Connection {
    ino_t socket;
    boost::asio::ip::address address;
  };

  TcpListener(AsioLoop& loop, std::function<void(UniqueFd)> accepted)
      : acceptor_(loop.context()), accepted_(std::move(accepted)) {}
  void Accepted(UniqueFd connection);
  bool HasRoomFor(const boost::asio::ip::address& address);

  boost::asio::ip::tcp::acceptor acceptor_;
  std::function<void(UniqueFd)> accepted_;
  std::map<int, Connection> connections_;
  BootTime next_look_{0};
  bool full_ = false;  // so that it is logged once
};

// "10.0.0.5:7443", "[::]:7443": INVALID_ARGUMENT unless it is an address and a port.
StatusOr<boost::asio::ip::tcp::endpoint> ParseListenAddress(const std::string& text);

}  // namespace faultd

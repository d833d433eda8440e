#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace faultd {

// Answers `GET /metrics` over HTTP/1.1, on the loop: one request per connection, a few connections
// at a time, each with a time-out. To be used on the loop's thread.
class MetricsServer {
 public:
  static constexpr size_t kMostConnections = 16;

  // `page` is called for each request. `context` must outlive it.
  MetricsServer(boost::asio::io_context& context, std::function<std::string()> page);
  // Closes everything.
  ~MetricsServer();

  // Serves a connection, of any stream family. Closes it at once when there are too many.
  void Serve(UniqueFd connection);

  // Serves all that connect to this endpoint. With port 0 the system chooses one.
  Status Listen(const boost::asio::ip::tcp::endpoint& endpoint);
  // Where it listens.
  boost::asio::ip::tcp::endpoint endpoint() const;

 private:
  struct State;
  static void Accept(std::shared_ptr<State> state);
  static void ServeOn(const std::shared_ptr<State>& state, UniqueFd connection);
  static boost::asio::awaitable<Status> Answer(std::shared_ptr<State> state, UniqueFd connection);

  std::shared_ptr<State> state_;
};

}  // namespace faultd

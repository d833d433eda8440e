#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "http/http_message.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace faultd {

// One connection to an HTTP server, for one exchange after the other.
class HttpConnection {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // Tries the server's addresses one after the other, each with its share of the time. `tls` is not
  // used for plain HTTP. DEADLINE_EXCEEDED or UNAVAILABLE when there is no connection,
  // FAILED_PRECONDITION when the server's certificate is not accepted.
  static boost::asio::awaitable<StatusOr<std::unique_ptr<HttpConnection>>> Open(
      const Url& url, std::shared_ptr<boost::asio::ssl::context> tls, Deadline deadline);
  // The same with addresses that were looked up already.
  static boost::asio::awaitable<StatusOr<std::unique_ptr<HttpConnection>>> OpenAt(
      const Url& url, std::vector<boost::asio::ip::tcp::endpoint> endpoints,
      std::shared_ptr<boost::asio::ssl::context> tls, Deadline deadline);

  // Errors as above, and RESOURCE_EXHAUSTED for a body of more than `limit` bytes. With a limit of
  // 0 the body is not read, whatever there is of it.
  boost::asio::awaitable<StatusOr<HttpResponse>> Exchange(const HttpRequest& request,
                                                          Deadline deadline, size_t limit);

  // Whether the last exchange has left the connection fit for another one.
  bool reusable() const { return reusable_; }
  // Whether the server had sent anything when the last exchange failed. If it had not, an old
  // connection was closed by it, most likely.
  bool answered() const { return answered_; }
  // Whether the server has closed it, or sent something unasked, in the meantime.
  bool IsStale();

 private:
  explicit HttpConnection(std::shared_ptr<boost::asio::ssl::context> tls) : tls_(std::move(tls)) {}
  boost::asio::awaitable<Status> Handshake(const Url& url, Deadline deadline);
  template <typename Stream>
  boost::asio::awaitable<StatusOr<HttpResponse>> ExchangeOn(Stream& stream,
                                                            const HttpRequest& request,
                                                            size_t limit);
  boost::beast::tcp_stream& lowest();

  std::shared_ptr<boost::asio::ssl::context> tls_;
  std::unique_ptr<boost::beast::tcp_stream> plain_;  // until the handshake
  std::unique_ptr<boost::beast::ssl_stream<boost::beast::tcp_stream>> secure_;
  boost::beast::flat_buffer buffer_;
  bool reusable_ = false;
  bool answered_ = false;
};

}  // namespace faultd

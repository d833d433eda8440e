#include "http/connect.h"

#include <fcntl.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>

namespace faultd {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

asio::awaitable<StatusOr<std::unique_ptr<beast::tcp_stream>>> ConnectToAny(
    std::vector<tcp::endpoint> endpoints, std::chrono::steady_clock::time_point deadline) {
  Status status = absl::UnavailableError("there is no address to connect to");
  const auto executor = co_await asio::this_coro::executor;
  for (size_t i = 0; i < endpoints.size(); ++i) {
    const tcp::endpoint& endpoint = endpoints[i];
    const auto now = std::chrono::steady_clock::now();
    const auto share = (deadline - now) / static_cast<int64_t>(endpoints.size() - i);
    auto stream = std::make_unique<beast::tcp_stream>(executor);
    boost::system::error_code error;
    stream->socket().open(endpoint.protocol(), error);
    if (!error) {
      // Asio does not; no child of the daemon may inherit it.
      fcntl(stream->socket().native_handle(), F_SETFD, FD_CLOEXEC);
      stream->expires_at(now + share);
      std::tie(error) =
          co_await stream->async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
    }
    if (!error) co_return std::move(stream);
    const std::string attempt =
        StrCat("connect to ", endpoint.address().to_string(), " port ", int{endpoint.port()}, ": ");
    status = error == beast::error::timeout
                 ? absl::DeadlineExceededError(StrCat(attempt, "timed out"))
                 : absl::UnavailableError(StrCat(attempt, error.message()));
  }
  co_return status;
}

}  // namespace faultd

#include "http/resolve.h"

#include <memory>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Outlives the waiting coroutine when the resolver hangs: getaddrinfo(3) cannot be cancelled.
struct Query {
  explicit Query(const asio::any_io_executor& executor) : resolver(executor), answered(executor) {}
  tcp::resolver resolver;
  asio::steady_timer answered;  // cancelled by the answer
  bool done = false;
  boost::system::error_code error;
  std::vector<tcp::endpoint> endpoints;
};

}  // namespace

asio::awaitable<StatusOr<std::vector<tcp::endpoint>>> ResolveHost(
    const std::string& host, uint16_t port, std::chrono::steady_clock::time_point deadline) {
  boost::system::error_code not_an_address;
  const asio::ip::address address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return std::vector<tcp::endpoint>{tcp::endpoint(address, port)};

  auto query = std::make_shared<Query>(co_await asio::this_coro::executor);
  query->answered.expires_at(deadline);
  query->resolver.async_resolve(
      host, std::to_string(port), tcp::resolver::numeric_service,
      [query](const boost::system::error_code& error, const tcp::resolver::results_type& results) {
        query->done = true;
        query->error = error;
        for (const auto& entry : results) query->endpoints.push_back(entry.endpoint());
        query->answered.cancel();
      });
  co_await query->answered.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!query->done) {
    co_return absl::DeadlineExceededError(StrCat("no answer from the resolver about ", host));
  }
  if (query->error) {
    co_return absl::UnavailableError(StrCat("look up ", host, ": ", query->error.message()));
  }
  co_return std::move(query->endpoints);
}

}  // namespace faultd

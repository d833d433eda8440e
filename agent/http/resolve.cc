#include "http/resolve.h"

#include <memory>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "http/name_lookup.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Outlives the waiting coroutine when the resolver hangs.
struct Query {
  explicit Query(const asio::any_io_executor& executor) : answered(executor) {}
  asio::steady_timer answered;  // cancelled by the answer
  std::optional<StatusOr<NameLookup::Addresses>> found;
};

}  // namespace

asio::awaitable<StatusOr<std::vector<tcp::endpoint>>> ResolveHost(
    const std::string& host, uint16_t port, std::chrono::steady_clock::time_point deadline) {
  boost::system::error_code not_an_address;
  const asio::ip::address address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return std::vector<tcp::endpoint>{tcp::endpoint(address, port)};

  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto query = std::make_shared<Query>(executor);
  query->answered.expires_at(deadline);
  asio::use_service<NameLookup>(asio::query(executor, asio::execution::context))
      .Find(host, [query](StatusOr<NameLookup::Addresses> found) {
        query->found = std::move(found);
        query->answered.cancel();
      });
  co_await query->answered.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!query->found) {
    co_return absl::DeadlineExceededError(StrCat("no answer from the resolver about ", host));
  }
  if (!query->found->ok()) {
    co_return absl::UnavailableError(
        StrCat("look up ", host, ": ", ToStd(query->found->status().message())));
  }
  std::vector<tcp::endpoint> endpoints;
  for (const asio::ip::address& each : **query->found) endpoints.emplace_back(each, port);
  co_return endpoints;
}

}  // namespace faultd

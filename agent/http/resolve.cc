#include "http/resolve.h"

#include "base/strings.h"
#include "http/name_lookup.h"

namespace faultd {
namespace asio = boost::asio;
using asio::ip::tcp;

asio::awaitable<StatusOr<std::vector<tcp::endpoint>>> ResolveHost(
    const std::string& host, uint16_t port, std::chrono::steady_clock::time_point deadline) {
  boost::system::error_code not_an_address;
  const asio::ip::address address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return std::vector<tcp::endpoint>{tcp::endpoint(address, port)};

  const auto look_up = [host] { return NameLookup::LookUp(host); };
  const auto found = co_await AskDiskThread<NameLookup>(
      look_up, deadline,
      absl::DeadlineExceededError(StrCat("no answer from the resolver about ", host)));
  if (absl::IsDeadlineExceeded(found.status())) co_return found.status();
  if (!found.ok()) {
    co_return absl::UnavailableError(
        StrCat("look up ", host, ": ", ToStd(found.status().message())));
  }
  std::vector<tcp::endpoint> endpoints;
  for (const asio::ip::address& each : *found) endpoints.emplace_back(each, port);
  co_return endpoints;
}

}  // namespace faultd

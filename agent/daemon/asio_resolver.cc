#include "daemon/asio_resolver.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "base/units.h"
#include <boost/asio/ip/tcp.hpp>

namespace faultd {
namespace {

using boost::asio::ip::tcp;

struct Query {
  explicit Query(boost::asio::io_context& context) : resolver(context) {}
  tcp::resolver resolver;
  Loop::TimerId timer = Loop::kNoTimer;
  Resolver::Callback done;
};

std::vector<IpPrefix> AddressesOf(const tcp::resolver::results_type& results) {
  std::vector<IpAddress> addresses;
  for (const auto& entry : results) {
    auto address = IpAddress::Parse(entry.endpoint().address().to_string());
    if (address.ok()) addresses.push_back(*address);
  }
  std::sort(addresses.begin(), addresses.end(), [](const IpAddress& a, const IpAddress& b) {
    return std::pair(a.family, a.value) < std::pair(b.family, b.value);
  });
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  std::vector<IpPrefix> prefixes;
  prefixes.reserve(addresses.size());
  for (const IpAddress& address : addresses)
    prefixes.push_back({address, AddressBits(address.family)});
  return prefixes;
}

}  // namespace

void AsioResolver::Resolve(const std::string& name, Callback done) {
  auto query = std::make_shared<Query>(loop_.context());
  query->done = std::move(done);
  const auto answer = [query](StatusOr<std::vector<IpPrefix>> addresses) {
    if (auto callback = std::exchange(query->done, nullptr)) callback(std::move(addresses));
  };
  query->timer = loop_.At(SystemClock().Now() + kTimeout, [answer] {
    answer(absl::DeadlineExceededError(
        StrCat("no answer from the resolver within ", FormatDuration(kTimeout))));
  });
  query->resolver.async_resolve(
      name, "",
      [this, query, answer](const boost::system::error_code& error,
                            const tcp::resolver::results_type& results) {
        loop_.Cancel(query->timer);
        if (error) {
          return answer(error == boost::asio::error::host_not_found_try_again
                            ? absl::UnavailableError(error.message())
                            : absl::NotFoundError(error.message()));
        }
        answer(AddressesOf(results));
      });
}

}  // namespace faultd

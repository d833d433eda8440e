#include "daemon/system_resolver.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "base/units.h"
#include "http/name_lookup.h"

namespace faultd {
namespace {

struct Query {
  Loop::TimerId timer = Loop::kNoTimer;
  Resolver::Callback done;
};

std::vector<IpPrefix> PrefixesOf(const NameLookup::Addresses& found) {
  std::vector<IpAddress> addresses;
  for (const auto& each : found) {
    auto address = IpAddress::Parse(each.to_string());
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

void SystemResolver::Resolve(const std::string& name, Callback done) {
  auto query = std::make_shared<Query>();
  query->done = std::move(done);
  const auto answer = [query](StatusOr<std::vector<IpPrefix>> addresses) {
    if (auto callback = std::exchange(query->done, nullptr)) callback(std::move(addresses));
  };
  query->timer = loop_.At(SystemClock().Now() + kTimeout, [answer] {
    answer(absl::DeadlineExceededError(
        StrCat("no answer from the resolver within ", FormatDuration(kTimeout))));
  });
  boost::asio::use_service<NameLookup>(loop_.context())
      .Find(name, [this, query, answer](const StatusOr<NameLookup::Addresses>& found) {
        loop_.Cancel(query->timer);
        if (!found.ok()) return answer(found.status());
        answer(PrefixesOf(*found));
      });
}

}  // namespace faultd

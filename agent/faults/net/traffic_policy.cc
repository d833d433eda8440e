#include "faults/net/traffic_policy.h"

#include <algorithm>

#include "base/strings.h"

namespace faultd {
namespace {

StatusOr<TrafficSet> TrafficOfEndpoints(const std::vector<v1::Endpoint>& endpoints) {
  v1::NetworkTarget target;
  target.mutable_to()->Assign(endpoints.begin(), endpoints.end());
  return TrafficOf(target, {});
}

std::string FirstAddress(const TrafficSet& traffic) {
  const AddressSet& remote = traffic.match.front().remote;
  return IpAddress{remote.family(), remote.ranges().front().first}.ToString();
}

std::string Words(const std::vector<v1::Endpoint>& endpoints) {
  constexpr size_t kMost = 3;
  std::string words;
  for (size_t i = 0; i < std::min(endpoints.size(), kMost); ++i)
    StrAppend(&words, i > 0 ? ", " : "", Describe(endpoints[i]));
  if (endpoints.size() > kMost) StrAppend(&words, " and ", endpoints.size() - kMost, " more");
  return endpoints.empty() ? "nothing" : words;
}

Status CheckDenied(const v1::NetworkTarget& target, const TrafficSet& traffic,
                   const v1::Endpoint& denied) {
  ASSIGN_OR_RETURN(const TrafficSet apart, TrafficOfEndpoints({denied}));
  const TrafficSet touched = Intersect(traffic, apart);
  if (touched.empty()) return absl::OkStatus();
  return DeniedError("network.deny",
                     StrCat(Describe(target), " has packets of ", FirstAddress(touched),
                            " that this host's policy denies (rule network.deny: ",
                            Describe(denied), "); leave them out, or name them in `except`"));
}

Status CheckAllowed(const v1::NetworkTarget& target, TrafficSet traffic,
                    const std::vector<v1::Endpoint>& allowed) {
  ASSIGN_OR_RETURN(const TrafficSet within, TrafficOfEndpoints(allowed));
  traffic.except.insert(traffic.except.end(), within.match.begin(), within.match.end());
  const TrafficSet beyond = Simplify(std::move(traffic));
  if (beyond.empty()) return absl::OkStatus();
  return DeniedError("network.allow",
                     StrCat(Describe(target), " has packets of ", FirstAddress(beyond),
                            " that this host's policy does not allow (rule network.allow: ",
                            Words(allowed), "); name only what is allowed"));
}

}  // namespace

Status CheckTraffic(const v1::NetworkTarget& target, const TrafficSet& traffic,
                    const NetworkPolicy& policy) {
  for (const v1::Endpoint& denied : policy.deny)
    RETURN_IF_ERROR(CheckDenied(target, traffic, denied));
  return policy.allow ? CheckAllowed(target, traffic, *policy.allow) : absl::OkStatus();
}

bool IsAllTraffic(const v1::NetworkTarget& target, const TrafficSet& traffic) {
  return target.all_traffic() ||
         std::any_of(traffic.match.begin(), traffic.match.end(), [](const PacketMatch& match) {
           if (match.protocol == Protocol::kIcmp || !match.remote_ports.IsAll() ||
               !match.local_ports.IsAll()) {
             return false;
           }
           // Less one, lest all of IPv6 overflow.
           absl::uint128 addresses = match.remote.ranges().size() - 1;
           for (const IpRange& range : match.remote.ranges()) addresses += range.last - range.first;
           return addresses >= MaxAddress(match.family()) / 8;
         });
}

}  // namespace faultd

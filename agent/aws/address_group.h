#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/session.h"
#include "base/ip.h"
#include "base/status.h"
#include <boost/asio/awaitable.hpp>

namespace faultd {

// What AWS has a name for that stands for many addresses: an availability zone or a service.
struct AddressGroup {
  enum class Kind { kZoneName, kZoneId, kService };
  Kind kind = Kind::kService;
  std::string name;  // as it is written
};

// us-east-1a, us-west-2-lax-1a (a local zone), use1-az1, usw2-lax1-az1, S3, DYNAMODB, in this case;
// nothing for any other name.
std::optional<AddressGroup> ParseAddressGroup(std::string_view text);

// The addresses of a group, sorted: of a zone, those of the subnets that the instance's own VPC has
// in it (needs ec2:DescribeSubnets); of a service, those of its prefix lists in this region
// (ec2:DescribeManagedPrefixLists and ec2:GetManagedPrefixListEntries). NOT_FOUND with the reason
// when there are none; else errors as Imds, Endpoints and ApiClient make them.
boost::asio::awaitable<StatusOr<std::vector<IpPrefix>>> FindPrefixes(AwsSession session,
                                                                     AddressGroup group);

}  // namespace faultd

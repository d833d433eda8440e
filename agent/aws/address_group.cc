#include "aws/address_group.h"

#include <algorithm>
#include <functional>
#include <regex>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "aws/xml.h"

namespace faultd {
namespace {

namespace asio = boost::asio;

using Kind = AddressGroup::Kind;
using Parameters = std::vector<std::pair<std::string, std::string>>;

constexpr size_t kLongestGroup = 64;
constexpr int kMostPages = 50;
// The most that EC2 allows on a page.
constexpr int kSubnetsOnPage = 1000;
constexpr int kListsOnPage = 100;

// Takes the items of the list `set`, from all pages of the answer to an EC2 call.
asio::awaitable<Status> ForEachItem(std::shared_ptr<ApiClient> api, std::string action,
                                    Parameters parameters, std::string set,
                                    std::function<Status(const XmlElement&)> take) {
  const std::string what = StrCat("ec2:", action);
  std::string token;
  for (int page = 0; page < kMostPages; ++page) {
    Parameters asked = parameters;
    if (!token.empty()) asked.emplace_back("NextToken", token);
    ApiRequest request = QueryRequest(kEc2, action, "2016-11-15", asked);
    auto response = co_await api->Call(std::move(request));
    if (!response.ok()) co_return response.status();
    auto answer = ParseXml(response->body);
    if (!answer.ok()) co_return Annotate(answer.status(), what);
    const XmlElement* list = answer->Find(set);
    if (list == nullptr) {
      co_return absl::InternalError(StrCat(what, ": the answer has no ", set));
    }
    for (const XmlElement& item : list->children) {
      const Status taken = take(item);
      if (!taken.ok()) co_return Annotate(taken, what);
    }
    token = answer->Text("nextToken");
    if (token.empty()) co_return absl::OkStatus();
  }
  co_return absl::ResourceExhaustedError(
      StrCat(what, ": the answer has more than ", kMostPages, " pages"));
}

Status Append(const std::string& cidr, std::vector<IpPrefix>& prefixes) {
  ASSIGN_OR_RETURN(const IpPrefix prefix, IpPrefix::Parse(cidr));
  prefixes.push_back(prefix);
  return absl::OkStatus();
}

// A subnet has no IPv4 CIDR when it is for IPv6 only, and keeps those of IPv6 that it had.
Status AppendSubnet(const XmlElement& subnet, std::vector<IpPrefix>& prefixes) {
  const std::string cidr = subnet.Text("cidrBlock");
  if (!cidr.empty()) RETURN_IF_ERROR(Append(cidr, prefixes));
  const XmlElement* associations = subnet.Find("ipv6CidrBlockAssociationSet");
  if (associations == nullptr) return absl::OkStatus();
  for (const XmlElement& each : associations->children) {
    if (each.Text("ipv6CidrBlockState/state") != "associated") continue;
    RETURN_IF_ERROR(Append(each.Text("ipv6CidrBlock"), prefixes));
  }
  return absl::OkStatus();
}

asio::awaitable<StatusOr<std::string>> FindVpc(std::shared_ptr<Imds> imds) {
  auto mac = co_await imds->Get("meta-data/mac");
  if (!mac.ok()) co_return mac.status();
  const std::string path = StrCat("meta-data/network/interfaces/macs/", *mac, "/vpc-id");
  co_return co_await imds->Get(path);
}

// Whether a zone is in the region of this host; true when that cannot be told. Ids of zones begin
// with a short form of the region, which the id of the instance's own zone has, too.
asio::awaitable<bool> IsInRegion(AwsSession session, AddressGroup zone, std::string region) {
  if (zone.kind == Kind::kZoneName) {
    co_return zone.name.starts_with(region) &&
        !absl::ascii_isdigit(static_cast<unsigned char>(zone.name[region.size()]));
  }
  auto own = co_await session.imds->Get("meta-data/placement/availability-zone-id");
  if (!own.ok()) co_return true;
  co_return own->substr(0, own->find('-')) == zone.name.substr(0, zone.name.find('-'));
}

asio::awaitable<StatusOr<std::vector<IpPrefix>>> FindZone(AwsSession session, AddressGroup zone) {
  auto vpc = co_await FindVpc(session.imds);
  if (!vpc.ok()) co_return Annotate(vpc.status(), "the VPC of this host is not known");
  Parameters parameters;
  parameters.emplace_back("Filter.1.Name", "vpc-id");
  parameters.emplace_back("Filter.1.Value.1", *vpc);
  parameters.emplace_back(
      "Filter.2.Name", zone.kind == Kind::kZoneName ? "availability-zone" : "availability-zone-id");
  parameters.emplace_back("Filter.2.Value.1", zone.name);
  parameters.emplace_back("MaxResults", StrCat(kSubnetsOnPage));
  std::vector<IpPrefix> prefixes;
  std::function<Status(const XmlElement&)> take = [&prefixes](const XmlElement& subnet) {
    return AppendSubnet(subnet, prefixes);
  };
  const Status status =
      co_await ForEachItem(session.api, "DescribeSubnets", parameters, "subnetSet", take);
  if (!status.ok()) co_return status;
  if (!prefixes.empty()) co_return prefixes;
  auto region = co_await session.endpoints->Region();
  if (!region.ok()) co_return region.status();
  const bool here = co_await IsInRegion(session, zone, *region);
  co_return absl::NotFoundError(
      here ? StrCat("the VPC of this host, ", *vpc, ", has no subnet in this availability zone")
           : StrCat("it is no availability zone of ", *region, ", the region of this host"));
}

asio::awaitable<StatusOr<std::vector<IpPrefix>>> FindService(AwsSession session,
                                                             AddressGroup service) {
  auto region = co_await session.endpoints->Region();
  if (!region.ok()) co_return region.status();
  // Names of lists: VPC user guide, "AWS-managed prefix lists".
  const std::string suffix = absl::AsciiStrToLower(service.name);
  const std::string list_name = StrCat("com.amazonaws.", *region, ".", suffix);
  Parameters parameters;
  parameters.emplace_back("Filter.1.Name", "prefix-list-name");
  parameters.emplace_back("Filter.1.Value.1", list_name);
  parameters.emplace_back("Filter.1.Value.2", StrCat("com.amazonaws.", *region, ".ipv6.", suffix));
  parameters.emplace_back("MaxResults", StrCat(kListsOnPage));
  std::vector<std::string> ids;
  std::function<Status(const XmlElement&)> take_id = [&ids](const XmlElement& list) {
    ids.push_back(list.Text("prefixListId"));
    return absl::OkStatus();
  };
  Status status = co_await ForEachItem(session.api, "DescribeManagedPrefixLists", parameters,
                                       "prefixListSet", take_id);
  if (!status.ok()) co_return status;
  std::vector<IpPrefix> prefixes;
  std::function<Status(const XmlElement&)> take = [&prefixes](const XmlElement& entry) {
    return Append(entry.Text("cidr"), prefixes);
  };
  for (const std::string& id : ids) {
    Parameters of_list;
    of_list.emplace_back("PrefixListId", id);
    of_list.emplace_back("MaxResults", StrCat(kListsOnPage));
    status =
        co_await ForEachItem(session.api, "GetManagedPrefixListEntries", of_list, "entrySet", take);
    if (!status.ok()) co_return status;
  }
  if (!prefixes.empty()) co_return prefixes;
  co_return absl::NotFoundError(
      StrCat("EC2 has no addresses in a prefix list ", list_name, " here"));
}

auto Order(const IpPrefix& prefix) {
  return std::tuple(prefix.address.family, prefix.address.value, prefix.length);
}

}  // namespace

std::optional<AddressGroup> ParseAddressGroup(std::string_view text) {
  // How AWS writes them: EC2 user guide, "Regions and Zones".
  static const std::regex zone_name(
      "(af|ap|ca|cn|eu|il|me|mx|sa|us)-((gov|isob?|isoe|isof)-)?"
      "(north|south)?(north|south|east|west|central)-[0-9](-[a-z]{3}-[0-9])?[a-z]");
  static const std::regex zone_id(
      "(af|ap|ca|cn|eu|il|me|mx|sa|us)[a-z]{1,3}[0-9](-[a-z]{3}[0-9])?-az[0-9]");
  if (text.size() > kLongestGroup) return std::nullopt;
  AddressGroup group;
  group.name = text;
  if (std::regex_match(group.name, zone_name)) {
    group.kind = Kind::kZoneName;
  } else if (std::regex_match(group.name, zone_id)) {
    group.kind = Kind::kZoneId;
  } else if (text != "S3" && text != "DYNAMODB") {
    return std::nullopt;
  }
  return group;
}

asio::awaitable<StatusOr<std::vector<IpPrefix>>> FindPrefixes(AwsSession session,
                                                              AddressGroup group) {
  StatusOr<std::vector<IpPrefix>> prefixes;
  if (group.kind == Kind::kService) {
    prefixes = co_await FindService(std::move(session), std::move(group));
  } else {
    prefixes = co_await FindZone(std::move(session), std::move(group));
  }
  if (!prefixes.ok()) co_return prefixes;
  const auto before = [](const IpPrefix& a, const IpPrefix& b) { return Order(a) < Order(b); };
  const auto same = [](const IpPrefix& a, const IpPrefix& b) { return Order(a) == Order(b); };
  std::sort(prefixes->begin(), prefixes->end(), before);
  prefixes->erase(std::unique(prefixes->begin(), prefixes->end(), same), prefixes->end());
  co_return prefixes;
}

}  // namespace faultd

#include "aws/endpoints.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace faultd {
namespace {

namespace asio = boost::asio;

struct Partition {
  std::string_view region_prefix;
  std::string_view suffix;
  std::string_view dual_stack_suffix;
};
// As in botocore's partitions.json; the last is for all other regions.
constexpr Partition kPartitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"us-iso-", "c2s.ic.gov", "c2s.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov", "sc2s.sgov.gov"},
    {"us-isof-", "csp.hci.ic.gov", "csp.hci.ic.gov"},
    {"eu-isoe-", "cloud.adc-e.uk", "cloud.adc-e.uk"},
    {"eusc-", "amazonaws.eu", "amazonaws.eu"},
    {"", "amazonaws.com", "api.aws"},
};

const Partition& PartitionOf(std::string_view region) {
  return *std::find_if(std::begin(kPartitions), std::end(kPartitions),
                       [&](const Partition& p) { return region.starts_with(p.region_prefix); });
}

// It becomes part of a host name, to which credentials are sent.
Status CheckRegion(std::string_view region) {
  const bool good = !region.empty() && region.size() < 64 &&
                    std::all_of(
                        region.begin(), region.end(),
                        [](char c) {
                          return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                                 absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
                        });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("\"", region, "\" is no name of an AWS region such as eu-central-1"));
}

struct Override {
  std::string where;
  std::string url;
};

Override FindOverride(const AwsService& service, const Environment& environment,
                      const Profile& profile) {
  if (IsTrue(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) return {};
  const std::string own = StrCat("AWS_ENDPOINT_URL_", service.variable);
  for (const Override& candidate :
       {Override{own, Variable(environment, own)},
        Override{"AWS_ENDPOINT_URL", Variable(environment, "AWS_ENDPOINT_URL")},
        Override{StrCat("endpoint_url of ", service.config, " in ~/.aws/config"),
                 profile.ServiceEndpoint(service.config)},
        Override{StrCat("endpoint_url of profile ", profile.name()),
                 profile.Get("endpoint_url")}}) {
    if (!candidate.url.empty()) return candidate;
  }
  return {};
}

}  // namespace

std::string_view DnsSuffix(std::string_view region) { return PartitionOf(region).suffix; }

StatusOr<Url> EndpointOf(const AwsService& service, std::string_view region,
                         const Environment& environment, const Profile& profile) {
  RETURN_IF_ERROR(CheckRegion(region));
  const Override set = FindOverride(service, environment, profile);
  if (!set.url.empty()) {
    auto url = Url::Parse(set.url);
    return url.ok() ? url : Annotate(url.status(), set.where);
  }
  const bool fips = IsTrue(environment, "AWS_USE_FIPS_ENDPOINT");
  const bool dual_stack = IsTrue(environment, "AWS_USE_DUALSTACK_ENDPOINT");
  const Partition& partition = PartitionOf(region);
  return Url::Parse(StrCat("https://", service.prefix, fips ? "-fips." : ".", region, ".",
                           dual_stack ? partition.dual_stack_suffix : partition.suffix));
}

asio::awaitable<StatusOr<std::string>> Endpoints::Region() {
  if (!region_.empty()) co_return region_;
  auto profile = co_await Profile::Find(environment_);
  if (!profile.ok()) co_return profile.status();
  for (const std::string& candidate :
       {Variable(environment_, "AWS_REGION"), Variable(environment_, "AWS_DEFAULT_REGION"),
        profile->Get("region")}) {
    if (region_.empty()) region_ = candidate;
  }
  if (!region_.empty()) co_return region_;
  auto placed = co_await imds_->Get("meta-data/placement/region");
  if (!placed.ok()) {
    co_return Annotate(placed.status(), "the region is not known (set AWS_REGION)");
  }
  region_ = *placed;
  co_return region_;
}

asio::awaitable<StatusOr<Endpoints::Endpoint>> Endpoints::Find(AwsService service) {
  auto region = co_await Region();
  if (!region.ok()) co_return region.status();
  auto profile = co_await Profile::Find(environment_);
  if (!profile.ok()) co_return profile.status();
  auto url = EndpointOf(service, *region, environment_, *profile);
  if (!url.ok()) co_return url.status();
  Endpoint endpoint{*std::move(url), *std::move(region)};
  co_return endpoint;
}

}  // namespace faultd

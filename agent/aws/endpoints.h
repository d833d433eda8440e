#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "aws/environment.h"
#include "aws/imds.h"
#include "aws/profile.h"
#include "http/url.h"
#include <boost/asio/awaitable.hpp>

namespace faultd {

struct AwsService {
  std::string_view prefix;    // of its host names; also what requests to it are signed for
  std::string_view variable;  // as in AWS_ENDPOINT_URL_<variable>
  std::string_view config;    // its name in a [services …] section
};
inline constexpr AwsService kEcs{"ecs", "ECS", "ecs"};
inline constexpr AwsService kCloudWatch{"monitoring", "CLOUDWATCH", "cloudwatch"};
inline constexpr AwsService kEc2{"ec2", "EC2", "ec2"};
inline constexpr AwsService kSts{"sts", "STS", "sts"};

// Domain of a region's endpoints: "amazonaws.com", "amazonaws.com.cn", …
std::string_view DnsSuffix(std::string_view region);

// Where a service is called: AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's [services]
// section, its endpoint_url (unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS), else the region's own
// endpoint, with AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT. INVALID_ARGUMENT for an URL
// or a region that cannot be.
StatusOr<Url> EndpointOf(const AwsService& service, std::string_view region,
                         const Environment& environment, const Profile& profile);

// Region and endpoints of this host.
class Endpoints {
 public:
  struct Endpoint {
    Url url;
    std::string region;  // requests are signed for it
  };

  // `configured_region` may be empty.
  Endpoints(std::shared_ptr<Imds> imds, Environment environment, std::string configured_region)
      : imds_(std::move(imds)),
        environment_(std::move(environment)),
        region_(std::move(configured_region)) {}

  // The configured one, AWS_REGION, AWS_DEFAULT_REGION, the profile's, else the instance's, which
  // is asked for until it is known.
  boost::asio::awaitable<StatusOr<std::string>> Region();
  boost::asio::awaitable<StatusOr<Endpoint>> Find(AwsService service);

 private:
  std::shared_ptr<Imds> imds_;
  Environment environment_;
  std::string region_;
};

}  // namespace faultd

#pragma once

#include <map>
#include <string>
#include <string_view>

#include "aws/environment.h"
#include "base/status.h"
#include <boost/asio/awaitable.hpp>

namespace faultd {

// A profile of the files that the AWS tools share: ~/.aws/credentials and ~/.aws/config, or where
// AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE point to.
class Profile {
 public:
  // The profile named by AWS_PROFILE or AWS_DEFAULT_PROFILE, else "default". A missing file is an
  // empty one; NOT_FOUND when a profile is named that neither file has.
  // Reads files: not for the loop.
  static StatusOr<Profile> Load(const Environment& environment);
  // The same for the loop: see ReadHostFiles.
  static boost::asio::awaitable<StatusOr<Profile>> Find(Environment environment);

  const std::string& name() const { return name_; }
  // Empty when it is not set. The credentials file wins over the other.
  std::string Get(std::string_view key) const;
  // endpoint_url of a service ("cloudwatch") in the section that the profile's `services` names.
  std::string ServiceEndpoint(std::string_view service) const;

 private:
  using Section = std::map<std::string, std::string, std::less<>>;
  std::string name_ = "default";
  Section values_;
  Section services_;  // "cloudwatch.endpoint_url"
};

}  // namespace faultd

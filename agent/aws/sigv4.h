#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "http/http_message.h"

namespace faultd {

// What a request is signed with. The token is empty for long-term keys.
struct AccessKey {
  std::string id;
  std::string secret;
  std::string session_token;
  friend bool operator==(const AccessKey&, const AccessKey&) = default;
};

// What a signature is valid for, next to its day.
struct SigningScope {
  std::string region;   // "us-east-1"
  std::string service;  // the signing name: "ecs", "monitoring", "ec2", "sts"
};

// Signs with Signature Version 4 (AWS General Reference, "Signature Version 4 signing process"):
// adds X-Amz-Date, X-Amz-Security-Token when there is a token, and Authorization. All headers the
// request has are signed but User-Agent and amz-sdk-*, and Host as it will be sent. `since_epoch`
// is the time of the service, see SkewedClock. The path of the target is taken as not yet normal,
// which is right for every service but S3.
void Sign(const AccessKey& key, const SigningScope& scope, std::chrono::nanoseconds since_epoch,
          HttpRequest* request);

}  // namespace faultd

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "aws/endpoints.h"
#include "aws/environment.h"
#include "aws/imds.h"
#include "aws/sigv4.h"
#include "base/status.h"
#include "http/http_client.h"
#include <boost/asio/awaitable.hpp>

namespace faultd {

struct Credentials {
  AccessKey key;
  std::optional<std::chrono::nanoseconds> expires;  // since the Unix epoch; none: never
  std::string source;                               // for messages, e.g. "role web of the instance"
};

// Finds credentials as the AWS tools do: environment, web identity, shared files (static keys
// only), container, instance role. The first that is configured decides: its failure is the answer.
class CredentialChain {
 public:
  CredentialChain(std::shared_ptr<HttpClient> http, std::shared_ptr<Imds> imds,
                  std::shared_ptr<Endpoints> endpoints, Environment environment)
      : http_(std::move(http)),
        imds_(std::move(imds)),
        endpoints_(std::move(endpoints)),
        environment_(std::move(environment)) {}

  boost::asio::awaitable<StatusOr<Credentials>> Fetch();

 private:
  boost::asio::awaitable<StatusOr<Credentials>> FromWebIdentity(std::string role,
                                                                std::string token_file);
  boost::asio::awaitable<StatusOr<Credentials>> FromContainer(std::string url);
  boost::asio::awaitable<StatusOr<Credentials>> FromInstanceRole();

  std::shared_ptr<HttpClient> http_;
  std::shared_ptr<Imds> imds_;
  std::shared_ptr<Endpoints> endpoints_;
  Environment environment_;
};

// The JSON of the instance metadata and of container credentials. UNAVAILABLE with the service's
// Code and Message when it has none to give, which it says with HTTP status 200.
StatusOr<Credentials> ParseCredentials(std::string_view json, std::string source);

}  // namespace faultd

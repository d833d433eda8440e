#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "aws/environment.h"
#include "base/clock.h"
#include "base/status.h"
#include "http/http_client.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace faultd {

// Whether this host is an EC2 instance, from its DMI tables (EC2 user guide, "Detect whether a host
// is an EC2 instance"): no network is touched to find out.
bool IsEc2Instance(const std::string& root = "/");

// The instance metadata service, version 2 only: a token first, then values with it. Knows
// AWS_EC2_METADATA_DISABLED, AWS_EC2_METADATA_SERVICE_ENDPOINT and
// AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE.
class Imds {
 public:
  struct Options {
    std::chrono::nanoseconds timeout = std::chrono::seconds(2);  // of one request
    int attempts = 3;
    std::chrono::nanoseconds first_backoff = std::chrono::milliseconds(200);
  };

  Imds(std::shared_ptr<HttpClient> http, const Environment& environment, const Clock& clock,
       Options options)
      : http_(std::move(http)), environment_(environment), clock_(clock), options_(options) {}

  // The value at /latest/<path>, e.g. "meta-data/instance-id". NOT_FOUND on 404;
  // FAILED_PRECONDITION when the service is turned off; UNAVAILABLE or DEADLINE_EXCEEDED when it
  // does not answer.
  boost::asio::awaitable<StatusOr<std::string>> Get(std::string path);

 private:
  StatusOr<Url> BaseUrl() const;
  boost::asio::awaitable<StatusOr<HttpResponse>> Request(
      std::string method, std::string path, std::pair<std::string, std::string> header);
  boost::asio::awaitable<Status> GetToken();
  boost::asio::awaitable<StatusOr<std::string>> GetOnce(std::string path);

  std::shared_ptr<HttpClient> http_;
  Environment environment_;
  const Clock& clock_;
  Options options_;
  std::string token_;
  BootTime token_until_{};
};

// One value, asked for once; `done` is called on the context within some seconds.
void FetchInstanceMetadata(boost::asio::io_context& context, const std::string& path,
                           std::function<void(StatusOr<std::string>)> done);

}  // namespace faultd

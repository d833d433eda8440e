#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aws/credentials.h"
#include "aws/endpoints.h"
#include "aws/skewed_clock.h"
#include "base/status.h"
#include "http/http_client.h"
#include <boost/asio/awaitable.hpp>

namespace faultd {

// One call of an AWS API, as its protocol writes it.
struct ApiRequest {
  AwsService service;
  std::string action;  // "ListTasks"
  HttpHeaders headers;
  std::string body;
  // The body has times. Then it is not sent again as it is when our clock proves to be wrong: the
  // answer is UNAUTHENTICATED, and the caller's turn to make it anew.
  bool has_times = false;
};

// JSON 1.1; `prefix` is that of X-Amz-Target, "AmazonEC2ContainerServiceV20141113".
ApiRequest JsonRequest(const AwsService& service, std::string_view prefix, std::string action,
                       std::string json);

// Query protocol; Action and Version go first. A body made elsewhere may be appended.
ApiRequest QueryRequest(const AwsService& service, std::string action, std::string_view version,
                        const std::vector<std::pair<std::string, std::string>>& parameters);

// Makes signed calls. Repeats what is worth it: throttling, errors of the service, no answer; with
// growing random pauses, and rarely when most calls fail (botocore's standard retry mode). Gets new
// credentials when they have expired, and signs with the service's clock when ours is wrong.
class ApiClient {
 public:
  struct Options {
    std::chrono::nanoseconds timeout = std::chrono::seconds(10);  // of one attempt
    int attempts = 3;                                             // AWS_MAX_ATTEMPTS
    std::chrono::nanoseconds first_backoff = std::chrono::seconds(1);
    std::chrono::nanoseconds longest_backoff = std::chrono::seconds(20);
  };

  ApiClient(std::shared_ptr<HttpClient> http, std::shared_ptr<Endpoints> endpoints,
            std::shared_ptr<CredentialCache> credentials, std::shared_ptr<SkewedClock> clock,
            Options options)
      : http_(std::move(http)),
        endpoints_(std::move(endpoints)),
        credentials_(std::move(credentials)),
        clock_(std::move(clock)),
        options_(options) {}

  // The answer to a call that succeeded. Errors as ApiStatus and HttpClient make them, after the
  // last attempt.
  boost::asio::awaitable<StatusOr<HttpResponse>> Call(ApiRequest request);

 private:
  struct Attempt;
  boost::asio::awaitable<Attempt> Try(const ApiRequest& request);
  bool SpendOnRetry(int cost);

  std::shared_ptr<HttpClient> http_;
  std::shared_ptr<Endpoints> endpoints_;
  std::shared_ptr<CredentialCache> credentials_;
  std::shared_ptr<SkewedClock> clock_;
  Options options_;
  int retry_budget_ = 500;
};

}  // namespace faultd

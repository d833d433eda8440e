#pragma once

#include <memory>
#include <string>

#include "aws/api_call.h"
#include "aws/environment.h"
#include "aws/imds.h"
#include "aws/skewed_clock.h"
#include "base/clock.h"
#include "http/http_client.h"
#include <boost/asio/io_context.hpp>

namespace faultd {

// All that calls to AWS are made with, put together for one host.
struct AwsSession {
  std::shared_ptr<SkewedClock> clock;
  std::shared_ptr<HttpClient> http;
  std::shared_ptr<Imds> imds;
  std::shared_ptr<Endpoints> endpoints;
  std::shared_ptr<ApiClient> api;
};

// Asks nobody yet. `region` may be empty, see Endpoints. AWS_CA_BUNDLE and AWS_MAX_ATTEMPTS of the
// environment hold for all. `clock` must outlive the session, which must not outlive the context.
AwsSession MakeAwsSession(boost::asio::io_context& context, const Clock& clock,
                          const Environment& environment, const std::string& region);

}  // namespace faultd

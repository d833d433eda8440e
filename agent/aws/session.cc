#include "aws/session.h"

#include <algorithm>

#include "absl/strings/numbers.h"

namespace faultd {

AwsSession MakeAwsSession(boost::asio::io_context& context, const Clock& clock,
                          const Environment& environment, const std::string& region) {
  AwsSession session;
  session.clock = std::make_shared<SkewedClock>(clock);
  HttpClient::Options http;
  http.ca_bundle = Variable(environment, "AWS_CA_BUNDLE");
  session.http = HttpClient::Create(context, http);
  session.imds = std::make_shared<Imds>(session.http, environment, clock, Imds::Options());
  session.endpoints = std::make_shared<Endpoints>(session.imds, environment, region);
  const auto chain =
      std::make_shared<CredentialChain>(session.http, session.imds, session.endpoints, environment);
  const auto credentials = std::make_shared<CredentialCache>(
      context, session.clock, [chain] { return chain->Fetch(); }, CredentialCache::Options());
  ApiClient::Options api;
  int attempts = 0;
  if (absl::SimpleAtoi(Variable(environment, "AWS_MAX_ATTEMPTS"), &attempts)) {
    api.attempts = std::clamp(attempts, 1, 10);
  }
  session.api =
      std::make_shared<ApiClient>(session.http, session.endpoints, credentials, session.clock, api);
  return session;
}

}  // namespace faultd

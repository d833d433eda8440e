#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "aws/api_call.h"
#include "aws/credential_chain.h"
#include "aws/credentials.h"
#include "aws/endpoints.h"
#include "aws/imds.h"
#include "aws/time_format.h"
#include "http/http_client.h"
#include "support/fake_clock.h"
#include "unit/http/await.h"
#include "unit/http/http_stand_in.h"

namespace faultd {

using std::chrono::milliseconds;
using Reply = HttpStandIn::Reply;
using Request = HttpStandIn::Request;

// A server that plays all of AWS and the instance metadata, and a client of it. `Answer` decides
// what it says; requests of the instance metadata get a token by themselves.
class AwsTest : public testing::Test {
 protected:
  AwsTest() {
    folder_ = std::filesystem::temp_directory_path() / "faultd-aws-XXXXXX";
    folder_ = mkdtemp(folder_.data());
    environment_ = {{"HOME", folder_},
                    {"AWS_EC2_METADATA_SERVICE_ENDPOINT", server_.url()},
                    {"AWS_ENDPOINT_URL", server_.url()},
                    {"AWS_REGION", "eu-west-1"},
                    {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                    {"AWS_SECRET_ACCESS_KEY", "secret"}};
  }
  ~AwsTest() override { std::filesystem::remove_all(folder_); }
  // Before the class that answers is gone.
  void TearDown() override { server_.Stop(); }

  // Called in the server's thread.
  virtual Reply Answer(const Request& request) = 0;

  std::shared_ptr<Imds> MakeImds() {
    return std::make_shared<Imds>(
        http_, environment_, clock_,
        Imds::Options{.timeout = std::chrono::seconds(20), .first_backoff = milliseconds(1)});
  }
  std::shared_ptr<CredentialChain> MakeChain() {
    return std::make_shared<CredentialChain>(http_, MakeImds(), MakeEndpoints(), environment_);
  }
  std::shared_ptr<Endpoints> MakeEndpoints() {
    return std::make_shared<Endpoints>(MakeImds(), environment_, "");
  }
  std::shared_ptr<CredentialCache> MakeCache() {
    return std::make_shared<CredentialCache>(
        context_, skewed_, [chain = MakeChain()] { return chain->Fetch(); },
        CredentialCache::Options{.first_pause = std::chrono::seconds(1)});
  }
  std::shared_ptr<ApiClient> MakeApi(int attempts = 3,
                                     std::chrono::nanoseconds timeout = std::chrono::seconds(20)) {
    return std::make_shared<ApiClient>(http_, MakeEndpoints(), MakeCache(), skewed_,
                                       ApiClient::Options{.timeout = timeout,
                                                          .attempts = attempts,
                                                          .first_backoff = milliseconds(1),
                                                          .longest_backoff = milliseconds(2)});
  }
  void WriteFile(const std::string& name, const std::string& content) {
    const std::filesystem::path path = folder_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  // Targets of the requests there were, without those for a token.
  std::vector<std::string> Targets() const {
    std::vector<std::string> targets;
    for (const Request& request : server_.requests()) {
      if (request.method != "PUT") targets.push_back(request.target);
    }
    return targets;
  }

  HttpStandIn server_{[this](const Request& request) {
    if (request.target == "/latest/api/token") {
      if (request.headers.count("x-aws-ec2-metadata-token-ttl-seconds") == 0) return Reply{400};
      return Reply{200, StrCat("token-", ++tokens_)};
    }
    if (request.target.starts_with("/latest/") &&
        request.headers.count("x-aws-ec2-metadata-token") == 0) {
      return Reply{401};
    }
    return Answer(request);
  }};
  int tokens_ = 0;
  std::string folder_;
  Environment environment_;
  FakeClock clock_;
  std::shared_ptr<SkewedClock> skewed_ = std::make_shared<SkewedClock>(clock_);
  boost::asio::io_context context_;
  std::shared_ptr<HttpClient> http_ = HttpClient::Create(context_, {});
};

}  // namespace faultd

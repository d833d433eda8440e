#include "aws/sigv4.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/str_split.h"
#include "aws/time_format.h"
#include <nlohmann/json.hpp>

namespace faultd {
namespace {

const AccessKey kExampleKey{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
constexpr char kToken[] = "AQoDYXdzEXAMPLETOKEN==";

std::string AuthorizationOf(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if (name == "Authorization") return value;
  }
  return "none";
}

HttpRequest MakeRequest(const std::string& method, const std::string& url, HttpHeaders headers = {},
                        const std::string& body = "") {
  return {method, *Url::Parse(url), std::move(headers), body};
}

std::string Expected(const std::string& scope, const std::string& headers,
                     const std::string& signature) {
  return StrCat("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/", scope,
                "/aws4_request, SignedHeaders=", headers, ", Signature=", signature);
}

// The AWS Signature Version 4 Test Suite (Apache-2.0, Amazon.com).
TEST(SigV4, SignsThePublishedRequests) {
  struct Case {
    HttpRequest request;
    const char* headers;
    const char* signature;
  };
  const std::string url = "https://example.amazonaws.com";
  const std::string form = "application/x-www-form-urlencoded";
  for (const Case& test : {
           Case{MakeRequest("GET", url + "/"), "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
           Case{MakeRequest("GET", url + "/?Param2=value2&Param1=value1"), "host;x-amz-date",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
           Case{MakeRequest("POST", url + "/?Param1=value1"), "host;x-amz-date",
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
           Case{MakeRequest("POST", url + "/", {{"Content-Type", form}}, "Param1=value1"),
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
           Case{MakeRequest("POST", url + "/",
                            {{"Content-Type", form},
                             {"Content-Length", "13"},
                             {"x-amz-content-sha256",
                              "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"}},
                            "Param1=value1"),
                "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
                "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
       }) {
    HttpRequest request = test.request;
    Sign(kExampleKey, {"us-east-1", "service"}, *ParseTime("2015-08-30T12:36:00Z"), &request);
    EXPECT_EQ(AuthorizationOf(request),
              Expected("20150830/us-east-1/service", test.headers, test.signature));
  }
}

// Computed with botocore 1.43.67.
TEST(SigV4, SignsOurRequests) {
  const auto time = *ParseTime("2026-01-02T03:04:05Z");
  const HttpRequest drain = MakeRequest(
      "POST", "https://ecs.us-east-1.amazonaws.com",
      {{"Content-Type", "application/x-amz-json-1.1"},
       {"X-Amz-Target", "AmazonEC2ContainerServiceV20141113.UpdateContainerInstancesState"}},
      R"({"cluster":"prod","containerInstances":["0123456789abcdef0123456789abcdef"],"status":"DRAINING"})");
  HttpRequest request = drain;
  Sign(kExampleKey, {"us-east-1", "ecs"}, time, &request);
  EXPECT_EQ(AuthorizationOf(request),
            Expected("20260102/us-east-1/ecs", "content-type;host;x-amz-date;x-amz-target",
                     "d0bfdfbaae5c695dad69e895d3764968974ac6f9a53ce07eebb68e9bc3817be2"));

  AccessKey session = kExampleKey;
  session.session_token = kToken;
  request = drain;
  Sign(session, {"us-east-1", "ecs"}, time, &request);
  EXPECT_EQ(AuthorizationOf(request),
            Expected("20260102/us-east-1/ecs",
                     "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
                     "fd6e2fd361fc95339a669f7b2b692302fbad90abd56c288a5e045efb5d8a90b9"));

  request = MakeRequest("POST", "https://monitoring.eu-west-1.amazonaws.com",
                        {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
                        "Action=PutMetricData&Version=2010-08-01&Namespace=Chaos%2FProbe&"
                        "MetricData.member.1.MetricName="
                        "db_ok&MetricData.member.1.Dimensions.member.1.Name=Host&MetricData.member."
                        "1.Dimensions.member.1."
                        "Value=web-1&MetricData.member.1.Timestamp=2026-01-02T03%3A04%3A00Z&"
                        "MetricData.member.1.Value=1&"
                        "MetricData.member.1.Unit=Count");
  Sign(session, {"eu-west-1", "monitoring"}, time, &request);
  EXPECT_EQ(
      AuthorizationOf(request),
      Expected("20260102/eu-west-1/monitoring", "content-type;host;x-amz-date;x-amz-security-token",
               "1884bdada8b97ba068447e9ea7ddf6cb597d04336f5bf3b9331395cba795ea89"));
}

std::string Choose(std::mt19937& random, std::initializer_list<const char*> choices) {
  return choices.begin()[random() % choices.size()];
}

std::string RandomText(std::mt19937& random) {
  std::string text;
  for (size_t i = random() % 12; i > 0; --i) {
    text += Choose(random, {"a", "Z", "7", "-", "_", ".", "~", " ", "/", ":", "=", "&", "+", "%",
                            "\xc3\xb6", "\xe2\x82\xac"});
  }
  return text;
}

HttpRequest RandomRequest(std::mt19937& random) {
  std::string url = Choose(random, {"https://ecs.eu-west-1.amazonaws.com", "http://localhost:4566",
                                    "http://127.0.0.1:80", "https://[fd00:ec2::254]:8443"});
  for (size_t i = random() % 4; i > 0; --i) {
    url += "/" + Choose(random, {"a", "b%20c", ".", "..", "", "%3A", "d~", "arn:aws:x"});
  }
  url += Choose(random, {"", "/", "/"});
  char separator = '?';
  for (size_t i = random() % 4; i > 0; --i) {
    if (separator == '?' && url.find('/', 8) == std::string::npos) url += "/";
    StrAppend(&url, std::string(1, separator), PercentEncode(RandomText(random) + "k"), "=",
              PercentEncode(RandomText(random)));
    separator = '&';
  }
  HttpRequest request = MakeRequest(Choose(random, {"GET", "POST", "PUT"}), url);
  for (const char* name : {"Content-Type", "X-Amz-Target", "x-amz-lower", "User-Agent", "X-Zeta"}) {
    if (random() % 2 == 0) {
      request.headers.emplace_back(name, Choose(random, {"value", "two  blanks", " trimmed ", ""}));
    }
  }
  if (request.method != "GET") request.body = RandomText(random);
  return request;
}

TEST(SigV4, SignsRandomRequestsAsBotocoreDoes) {
  std::mt19937 random(20260102);
  nlohmann::json cases = nlohmann::json::array();
  std::vector<std::string> ours;
  for (int i = 0; i < 400; ++i) {
    HttpRequest request = RandomRequest(random);
    AccessKey key = kExampleKey;
    if (random() % 2 == 0) key.session_token = kToken;
    const SigningScope scope{Choose(random, {"us-east-1", "eu-west-1", "cn-north-1"}),
                             Choose(random, {"ecs", "monitoring", "ec2", "sts"})};
    const int64_t at = 1'440'938'160 + static_cast<int64_t>(random() % 700'000'000);
    cases.push_back({{"method", request.method},
                     {"url", request.url.Origin() + request.url.target},
                     {"headers", request.headers},
                     {"body", request.body},
                     {"id", key.id},
                     {"secret", key.secret},
                     {"token", key.session_token},
                     {"region", scope.region},
                     {"service", scope.service},
                     {"time", at}});
    Sign(key, scope, std::chrono::seconds(at), &request);
    ours.push_back(AuthorizationOf(request));
  }
  const std::string file =
      (std::filesystem::temp_directory_path() / StrCat("faultd-sigv4-", getpid(), ".json"))
          .string();
  std::ofstream(file) << cases;
  FILE* botocore =
      popen(StrCat("/usr/bin/python3 " FAULTD_SIGN_WITH_BOTOCORE " <", file).c_str(), "r");
  ASSERT_NE(botocore, nullptr);
  std::string output;
  char buffer[4096];
  while (const size_t got = fread(buffer, 1, sizeof(buffer), botocore)) output.append(buffer, got);
  ASSERT_EQ(pclose(botocore), 0) << "python3-botocore is needed";
  std::filesystem::remove(file);

  const auto theirs = nlohmann::json::parse(output);
  ASSERT_EQ(theirs.size(), ours.size());
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(theirs[i], ours[i]) << cases[i];
}

TEST(TimeFormat, ReadsWhatAwsWrites) {
  const auto time = std::chrono::seconds(1440938160);
  EXPECT_EQ(FormatBasicTime(time), "20150830T123600Z");
  EXPECT_EQ(FormatTime(time), "2015-08-30T12:36:00Z");
  EXPECT_EQ(*ParseTime("2015-08-30T12:36:00Z"), time);
  EXPECT_EQ(*ParseTime("2015-08-30T12:36:00.500Z"), time + std::chrono::milliseconds(500));
  EXPECT_EQ(*ParseTime("2015-08-30T14:36:00+02:00"), time);
  EXPECT_EQ(*ParseHttpDate("Sun, 30 Aug 2015 12:36:00 GMT"), time);
  EXPECT_FALSE(ParseTime("yesterday").ok());
  EXPECT_FALSE(ParseHttpDate("2015-08-30T12:36:00Z").ok());
  EXPECT_EQ(ParseTime("infinite-future").status(),
            absl::InvalidArgumentError("\"infinite-future\" is no time from 1970 to 2262"));
  EXPECT_FALSE(ParseHttpDate("infinite-past").ok());
  EXPECT_FALSE(ParseTime("0001-01-01T00:00:00Z").ok());
}

}  // namespace
}  // namespace faultd

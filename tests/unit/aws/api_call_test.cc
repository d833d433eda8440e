#include "aws/api_call.h"

#include <deque>
#include <mutex>

#include "aws/api_error.h"
#include "unit/aws/aws_fixture.h"

namespace faultd {
namespace {

using testing::HasSubstr;

Reply JsonError(int status, const std::string& type) {
  return {status, StrCat("{\"__type\":\"com.amazonaws.ecs#", type, "\",\"message\":\"Because\"}")};
}

class ApiCallTest : public AwsTest {
 protected:
  Reply Answer(const Request& request) override {
    if (request.target != "/") return {404};
    const std::lock_guard lock(mutex_);
    if (replies_.empty()) return {200, "{}"};
    Reply reply = replies_.front();
    replies_.pop_front();
    return reply;
  }
  // The server has threads of its own, and no answer says when it is done with a request that
  // hangs.
  size_t RepliesLeft() {
    const std::lock_guard lock(mutex_);
    return replies_.size();
  }
  StatusOr<HttpResponse> Call() { return Await(context_, api_->Call(request_)); }

  ApiRequest request_ = JsonRequest(kEcs, "Prefix", "ListTasks", "{}");
  std::mutex mutex_;
  std::deque<Reply> replies_;
  std::shared_ptr<ApiClient> api_ = MakeApi();
};

TEST_F(ApiCallTest, SendsASignedRequest) {
  ASSERT_TRUE(Call().ok());
  const Request request = server_.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.body, "{}");
  EXPECT_EQ(request.headers.at("content-type"), "application/x-amz-json-1.1");
  EXPECT_EQ(request.headers.at("x-amz-target"), "Prefix.ListTasks");
  EXPECT_THAT(request.headers.at("authorization"),
              HasSubstr("Credential=AKIDEXAMPLE/20241218/eu-west-1/ecs/aws4_request, "
                        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "));
}

TEST_F(ApiCallTest, WritesTheQueryProtocol) {
  const ApiRequest request = QueryRequest(kEc2, "DescribeTags", "2016-11-15",
                                          {{"Filter.1.Name", "key"}, {"X", "a b/\xc3\xb6"}});
  EXPECT_EQ(request.body,
            "Action=DescribeTags&Version=2016-11-15&Filter.1.Name=key&X=a%20b%2F%C3%B6");
}

TEST_F(ApiCallTest, RepeatsThrottledAndFailedCalls) {
  for (const Reply& reply :
       {JsonError(400, "ThrottlingException"), JsonError(500, "ServerException"), Reply{502},
        Reply{503,
              "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors>"
              "</Response>"},
        Reply{.habit = Reply::kClose}, Reply{.habit = Reply::kGarbage}}) {
    replies_ = {reply, reply};
    EXPECT_TRUE(Call().ok());
  }
}

TEST_F(ApiCallTest, GivesUpAfterTheLastAttempt) {
  replies_.assign(5, JsonError(400, "ThrottlingException"));
  const Status status = Call().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "ecs:ListTasks: ThrottlingException: Because");
  EXPECT_EQ(ApiErrorCode(status), "ThrottlingException");
  EXPECT_EQ(RepliesLeft(), 2u);
}

TEST_F(ApiCallTest, GivesUpOnAHangingService) {
  api_ = MakeApi(2, milliseconds(100));
  replies_.assign(5, Reply{.habit = Reply::kHang});
  EXPECT_EQ(Call().status(), absl::DeadlineExceededError(StrCat(
                                 "ecs:ListTasks: POST ", server_.url(), ": no answer in time")));
  EXPECT_EQ(RepliesLeft(), 3u);
}

TEST_F(ApiCallTest, RepeatsLessWhenMostCallsFail) {
  api_ = MakeApi(1000);
  replies_.assign(300, Reply{500});
  EXPECT_EQ(Call().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(300 - RepliesLeft(), 101u);
  EXPECT_FALSE(Call().ok());
  EXPECT_EQ(300 - RepliesLeft(), 102u);
}

TEST_F(ApiCallTest, DoesNotRepeatWhatIsWrong) {
  struct Case {
    Reply reply;
    absl::StatusCode code;
    std::string message;
  };
  for (const Case& test : {
           Case{JsonError(400, "InvalidParameterException"), absl::StatusCode::kInvalidArgument,
                "ecs:ListTasks: InvalidParameterException: Because"},
           Case{JsonError(400, "AccessDeniedException"), absl::StatusCode::kPermissionDenied,
                "ecs:ListTasks: AccessDeniedException: Because (the role of this host needs a "
                "policy "
                "that allows ecs:ListTasks)"},
           Case{JsonError(400, "ClusterNotFoundException"), absl::StatusCode::kNotFound,
                "ecs:ListTasks: ClusterNotFoundException: Because"},
           Case{JsonError(400, "UnrecognizedClientException"), absl::StatusCode::kUnauthenticated,
                "ecs:ListTasks: UnrecognizedClientException: Because"},
           Case{Reply{400,
                      "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameterValue"
                      "</Code><Message>a &amp; b</Message></Error></ErrorResponse>"},
                absl::StatusCode::kInvalidArgument, "ecs:ListTasks: InvalidParameterValue: a & b"},
           Case{Reply{400, "{}", {{"x-amzn-errortype", "ClientException:http://x/"}}},
                absl::StatusCode::kInvalidArgument,
                "ecs:ListTasks: ClientException: HTTP status 400"},
           Case{Reply{404, "no"}, absl::StatusCode::kNotFound, "ecs:ListTasks: HTTP status 404"},
       }) {
    replies_ = {test.reply, JsonError(400, "AskedTwice")};
    const Status status = Call().status();
    EXPECT_EQ(status.code(), test.code) << status;
    EXPECT_EQ(status.message(), test.message);
  }
}

TEST_F(ApiCallTest, SignsWithTheClockOfTheService) {
  const auto service_time = clock_.WallNow() + std::chrono::hours(1);
  const std::string date =
      absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                       absl::UnixEpoch() + absl::FromChrono(service_time), absl::UTCTimeZone());
  Reply refused = JsonError(403, "InvalidSignatureException");
  refused.headers = {{"Date", date}};
  replies_ = {refused};
  EXPECT_TRUE(Call().ok());
  ASSERT_EQ(server_.requests().size(), 2u);
  EXPECT_EQ(server_.requests()[1].headers.at("x-amz-date"), FormatBasicTime(service_time));

  // A clock that is stepped afterwards does no harm any more.
  clock_.StepWallClock(-std::chrono::hours(5));
  clock_.Advance(std::chrono::minutes(1));
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(server_.requests()[2].headers.at("x-amz-date"),
            FormatBasicTime(service_time + std::chrono::minutes(1)));
}

TEST_F(ApiCallTest, TakesARefusedSignatureForGoodWhenTheClockIsRight) {
  replies_.assign(2, JsonError(403, "SignatureDoesNotMatch"));
  EXPECT_EQ(Call().status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(RepliesLeft(), 1u);
}

class ExpiringTest : public ApiCallTest {
 protected:
  ExpiringTest() {
    environment_.erase("AWS_ACCESS_KEY_ID");
    api_ = MakeApi();
  }
  Reply Answer(const Request& request) override {
    if (request.target == "/latest/meta-data/iam/security-credentials/") return {200, "web"};
    if (request.target == "/latest/meta-data/iam/security-credentials/web") {
      return {
          200,
          StrCat(R"({"Code":"Success","AccessKeyId":"ASIA)", renewable_ ? ++fetched_ : 1,
                 R"(","SecretAccessKey":"s","Token":"t","Expiration":"2031-01-01T00:00:00Z"})")};
    }
    return ApiCallTest::Answer(request);
  }
  int fetched_ = 0;
  bool renewable_ = true;
};

TEST_F(ExpiringTest, GetsNewCredentialsWhenTheyHaveExpired) {
  replies_ = {JsonError(400, "ExpiredTokenException")};
  EXPECT_TRUE(Call().ok());
  EXPECT_THAT(server_.requests().back().headers.at("authorization"),
              HasSubstr("Credential=ASIA2/"));
  EXPECT_EQ(server_.requests().back().headers.at("x-amz-security-token"), "t");
}

TEST_F(ExpiringTest, GivesUpWhenThereAreNoOthers) {
  renewable_ = false;
  replies_.assign(3, JsonError(400, "ExpiredTokenException"));
  EXPECT_EQ(Call().status().message(), "ecs:ListTasks: ExpiredTokenException: Because");
  EXPECT_EQ(RepliesLeft(), 2u);
}

}  // namespace
}  // namespace faultd

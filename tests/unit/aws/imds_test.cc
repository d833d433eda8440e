#include "aws/imds.h"

#include "unit/aws/aws_fixture.h"

namespace faultd {
namespace {

using testing::ElementsAre;

class ImdsTest : public AwsTest {
 protected:
  Reply Answer(const Request& request) override {
    token_seen_ = request.headers.at("x-aws-ec2-metadata-token");
    if (token_seen_ == refused_token_) return {401};
    if (failures_ > 0) {
      --failures_;
      return failure_;
    }
    if (request.target == "/latest/meta-data/instance-id") return {200, "i-0123456789abcdef0"};
    return {404};
  }

  StatusOr<std::string> Get(const std::shared_ptr<Imds>& imds,
                            const std::string& path = "meta-data/instance-id") {
    return Await(context_, imds->Get(path));
  }

  std::string token_seen_;
  std::string refused_token_ = "none";
  int failures_ = 0;
  Reply failure_{503};
};

TEST_F(ImdsTest, GetsATokenAndKeepsIt) {
  const auto imds = MakeImds();
  EXPECT_EQ(*Get(imds), "i-0123456789abcdef0");
  EXPECT_EQ(*Get(imds), "i-0123456789abcdef0");
  EXPECT_EQ(tokens_, 1);
  EXPECT_EQ(server_.requests()[0].method, "PUT");
  EXPECT_EQ(server_.requests()[0].headers.at("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
  clock_.Advance(std::chrono::hours(6));
  EXPECT_TRUE(Get(imds).ok());
  EXPECT_EQ(token_seen_, "token-2");
}

TEST_F(ImdsTest, GetsANewTokenOnceWhenItIsRefused) {
  const auto imds = MakeImds();
  EXPECT_TRUE(Get(imds).ok());
  refused_token_ = "token-1";
  EXPECT_TRUE(Get(imds).ok());
  EXPECT_EQ(token_seen_, "token-2");
  failures_ = 100;
  failure_ = {401};
  EXPECT_EQ(Get(imds).status(),
            absl::FailedPreconditionError(
                "instance metadata /latest/meta-data/instance-id: HTTP status 401"));
  EXPECT_EQ(tokens_, 3);
}

TEST_F(ImdsTest, TellsApartWhatIsMissingAndWhatIsOff) {
  const auto imds = MakeImds();
  EXPECT_EQ(Get(imds, "meta-data/tags/instance/Name").status(),
            absl::NotFoundError(
                "instance metadata /latest/meta-data/tags/instance/Name: HTTP status 404"));
  failures_ = 1;
  failure_ = {403};
  EXPECT_EQ(Get(imds).status(),
            absl::FailedPreconditionError(
                "instance metadata /latest/meta-data/instance-id: HTTP status 403: the service is "
                "turned off for this instance (HttpEndpoint)"));
}

TEST_F(ImdsTest, TriesAgainWhatMayPass) {
  const auto imds = MakeImds();
  failures_ = 2;
  EXPECT_TRUE(Get(imds).ok());
  failures_ = 100;
  EXPECT_EQ(Get(imds).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(failures_, 97);
  failures_ = 1;
  failure_ = {.habit = Reply::kClose};
  EXPECT_TRUE(Get(imds).ok());
}

TEST_F(ImdsTest, AsksNobodyWhenDisabled) {
  environment_["AWS_EC2_METADATA_DISABLED"] = "TRUE";
  EXPECT_EQ(Get(MakeImds()).status(),
            absl::FailedPreconditionError(
                "instance metadata is not used: AWS_EC2_METADATA_DISABLED is true"));
  environment_["AWS_EC2_METADATA_DISABLED"] = "";
  environment_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "169.254.169.254";
  EXPECT_EQ(Get(MakeImds()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(server_.requests().empty());
}

}  // namespace
}  // namespace faultd

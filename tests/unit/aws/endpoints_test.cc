#include "aws/endpoints.h"

#include "unit/aws/aws_fixture.h"

namespace faultd {
namespace {

using testing::HasSubstr;

class EndpointsTest : public AwsTest {
 protected:
  EndpointsTest() {
    environment_.erase("AWS_REGION");
    environment_.erase("AWS_ENDPOINT_URL");
  }
  Reply Answer(const Request& request) override {
    if (request.target == "/latest/meta-data/placement/region" && has_region_) {
      return {200, "ap-south-2"};
    }
    return {404};
  }
  std::string Find(const AwsService& service, const std::string& region = "us-east-1") {
    const auto profile = Profile::Load(environment_);
    if (!profile.ok()) return std::string(profile.status().message());
    const auto url = EndpointOf(service, region, environment_, *profile);
    return url.ok() ? url->Origin() : std::string(url.status().message());
  }
  std::string Region() {
    const auto region = Await(context_, MakeEndpoints()->Region());
    return region.ok() ? *region : std::string(region.status().message());
  }

  bool has_region_ = true;
};

TEST_F(EndpointsTest, AreThoseOfTheRegion) {
  EXPECT_EQ(Find(kEcs), "https://ecs.us-east-1.amazonaws.com");
  EXPECT_EQ(Find(kCloudWatch, "eu-west-1"), "https://monitoring.eu-west-1.amazonaws.com");
  EXPECT_EQ(Find(kEc2, "cn-north-1"), "https://ec2.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(Find(kSts, "us-gov-west-1"), "https://sts.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(Find(kEcs, "us-isob-east-1"), "https://ecs.us-isob-east-1.sc2s.sgov.gov");
  EXPECT_EQ(Find(kEcs, "us-iso-east-1"), "https://ecs.us-iso-east-1.c2s.ic.gov");
  environment_["AWS_USE_FIPS_ENDPOINT"] = "true";
  EXPECT_EQ(Find(kCloudWatch), "https://monitoring-fips.us-east-1.amazonaws.com");
  environment_["AWS_USE_DUALSTACK_ENDPOINT"] = "true";
  EXPECT_EQ(Find(kEcs), "https://ecs-fips.us-east-1.api.aws");
  environment_.erase("AWS_USE_FIPS_ENDPOINT");
  EXPECT_EQ(Find(kEcs), "https://ecs.us-east-1.api.aws");
}

TEST_F(EndpointsTest, RefuseARegionThatCannotBe) {
  for (const char* region : {"", "us east", "evil.example/", "US-EAST-1", "a@b"}) {
    EXPECT_THAT(Find(kEcs, region), HasSubstr("is no name of an AWS region")) << region;
  }
}

TEST_F(EndpointsTest, CanBeOverridden) {
  WriteFile(".aws/config", R"(
# a comment
[default]
region = eu-north-1
services = mine
endpoint_url = http://profile:4

[services mine]
cloudwatch =
  endpoint_url = http://section:3
other = x
[profile  second]
region=sa-east-1
)");
  EXPECT_EQ(Find(kEcs), "http://profile:4");
  EXPECT_EQ(Find(kCloudWatch), "http://section:3");
  environment_["AWS_ENDPOINT_URL"] = "http://all:2";
  EXPECT_EQ(Find(kEcs), "http://all:2");
  EXPECT_EQ(Find(kCloudWatch), "http://all:2");
  environment_["AWS_ENDPOINT_URL_CLOUDWATCH"] = "http://own:1";
  environment_["AWS_ENDPOINT_URL_MONITORING"] = "http://wrong:1";
  EXPECT_EQ(Find(kCloudWatch), "http://own:1");
  EXPECT_EQ(Find(kEcs), "http://all:2");
  environment_["AWS_ENDPOINT_URL_ECS"] = "localhost";
  EXPECT_THAT(Find(kEcs), HasSubstr("AWS_ENDPOINT_URL_ECS: \"localhost\" is no URL"));
  environment_["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  EXPECT_EQ(Find(kEcs), "https://ecs.us-east-1.amazonaws.com");
}

TEST_F(EndpointsTest, TakeTheRegionFromTheNearestPlace) {
  EXPECT_EQ(Region(), "ap-south-2");
  WriteFile(".aws/config", "[default]\nregion = eu-north-1\n[profile second]\nregion=sa-east-1\n");
  EXPECT_EQ(Region(), "eu-north-1");
  environment_["AWS_PROFILE"] = "second";
  EXPECT_EQ(Region(), "sa-east-1");
  environment_["AWS_DEFAULT_REGION"] = "us-east-2";
  EXPECT_EQ(Region(), "us-east-2");
  environment_["AWS_REGION"] = "us-west-2";
  EXPECT_EQ(Region(), "us-west-2");
  EXPECT_EQ(*Await(context_, Endpoints(MakeImds(), environment_, "eu-south-1").Region()),
            "eu-south-1");
  environment_["AWS_PROFILE"] = "third";
  environment_.erase("AWS_REGION");
  EXPECT_EQ(Region(), "there is no profile third in ~/.aws/credentials and ~/.aws/config");
}

TEST_F(EndpointsTest, SayThatTheRegionIsNotKnown) {
  has_region_ = false;
  EXPECT_EQ(Region(),
            "the region is not known (set AWS_REGION): instance metadata "
            "/latest/meta-data/placement/region: HTTP status 404");
}

}  // namespace
}  // namespace faultd

// The whole client against an AWS that recomputes every signature with botocore.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "aws/address_group.h"
#include "aws/alarms.h"
#include "aws/cloudwatch.h"
#include "aws/ec2_tags.h"
#include "aws/ecs.h"
#include "aws/session.h"
#include "aws/time_format.h"
#include "base/unique_fd.h"
#include "unit/http/await.h"
#include <nlohmann/json.hpp>

namespace faultd {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::HasSubstr;

// tests/e2e/aws_stand_in.py as a child, which ends with the test.
class StandIn {
 public:
  StandIn() {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) std::abort();
    UniqueFd child_in(in[0]);
    UniqueFd child_out(out[1]);
    stdin_.Reset(in[1]);
    UniqueFd stdout_read(out[0]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, child_in.get(), 0);
    posix_spawn_file_actions_adddup2(&actions, child_out.get(), 1);
    const char* arguments[] = {"/usr/bin/python3", "-B", FAULTD_AWS_STAND_IN, nullptr};
    const int error = posix_spawn(&pid_, arguments[0], &actions, nullptr,
                                  const_cast<char* const*>(arguments), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) std::abort();
    child_out.Reset();
    char c = 0;
    while (read(stdout_read.get(), &c, 1) == 1 && c != '\n') url_.push_back(c);
  }
  ~StandIn() {
    stdin_.Reset();
    waitpid(pid_, nullptr, 0);
  }
  const std::string& url() const { return url_; }

 private:
  UniqueFd stdin_;
  pid_t pid_ = -1;
  std::string url_;
};

class StandInTest : public testing::Test {
 protected:
  StandInTest() {
    const Environment environment = {{"HOME", "/nonexistent"},
                                     {"AWS_EC2_METADATA_SERVICE_ENDPOINT", stand_in_.url()},
                                     {"AWS_ENDPOINT_URL", stand_in_.url()}};
    session_ = MakeAwsSession(context_, clock_, environment, "");
    ecs_ = std::make_unique<Ecs>(context_, session_.api, session_.http, stand_in_.url());
    Control("/_/reset", {{"anew", true}});
  }

  static void SetUpTestSuite() { shared_ = new StandIn; }
  static void TearDownTestSuite() { delete shared_; }

  json Control(const std::string& path, const json& change = {}) {
    HttpRequest request;
    request.url = *Url::Parse(stand_in_.url() + path);
    if (!change.empty()) {
      request.method = "POST";
      request.body = change.dump();
    }
    const auto response =
        Await(context_, session_.http->Send(std::move(request), std::chrono::seconds(20)));
    return json::parse(response->body);
  }
  void Set(const json& change) { Control("/_/state", change); }

  template <typename T>
  StatusOr<T> Wait(const std::function<PendingCall(std::function<void(StatusOr<T>)>)>& start) {
    std::optional<StatusOr<T>> result;
    const PendingCall call = start([&](StatusOr<T> answer) { result = std::move(answer); });
    RunUntil(context_, [&] { return result.has_value(); });
    return *std::move(result);
  }
  StatusOr<ContainerInstance> Describe() {
    return Wait<ContainerInstance>(
        [&](auto done) { return ecs_->DescribeContainerInstance("prod", arn_, done); });
  }
  // Metrics that have arrived when the publisher has nothing left.
  json Publish(const std::function<void(CloudWatchPublisher&)>& add) {
    CloudWatchPublisher::Options options;
    options.interval = milliseconds(20);
    CloudWatchPublisher publisher(context_, session_.api, session_.clock, options);
    add(publisher);
    publisher.Start();
    RunUntil(context_, [&] { return publisher.statistics().waiting == 0; });
    EXPECT_EQ(publisher.statistics().dropped, 0u) << publisher.statistics().last;
    return Control("/_/metrics");
  }

  // Python takes most of a second to start.
  static inline StandIn* shared_ = nullptr;
  StandIn& stand_in_ = *shared_;
  SystemClock clock_;
  boost::asio::io_context context_;
  AwsSession session_;
  std::unique_ptr<Ecs> ecs_;
  std::string arn_ = "0123456789abcdef0123456789abcdef";
};

TEST_F(StandInTest, DrainsTheInstance) {
  const auto metadata =
      Wait<EcsAgentMetadata>([&](auto done) { return ecs_->GetAgentMetadata(done); });
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  arn_ = metadata->container_instance_arn;
  auto instance = Describe();
  ASSERT_TRUE(instance.ok()) << instance.status();
  EXPECT_EQ(instance->status, "ACTIVE");
  instance = Wait<ContainerInstance>([&](auto done) {
    return ecs_->UpdateContainerInstanceState(metadata->cluster, arn_, "DRAINING", done);
  });
  EXPECT_EQ(instance->status, "DRAINING");
  const auto arns = Wait<std::vector<std::string>>(
      [&](auto done) { return ecs_->ListTasks("prod", arn_, "RUNNING", done); });
  ASSERT_EQ(arns->size(), 2u);
  const auto tasks = Wait<std::vector<EcsTask>>(
      [&](auto done) { return ecs_->DescribeTasks("prod", *arns, done); });
  EXPECT_EQ(tasks->at(0).group, "service:web");
  EXPECT_EQ(Control("/_/state")["instance_status"], "DRAINING");
}

TEST_F(StandInTest, GetsThroughThrottlingAndErrorsOfTheService) {
  Set({{"faults",
        {{"ecs", {{{"code", "ThrottlingException"}, {"status", 400}}, {{"close", true}}}}}}});
  EXPECT_TRUE(Describe().ok());
  EXPECT_EQ(Control("/_/calls").size(), 3u);
  Set({{"denied", {"ecs:DescribeContainerInstances"}}});
  EXPECT_THAT(std::string(Describe().status().message()),
              HasSubstr("a policy that allows ecs:DescribeContainerInstances"));
}

TEST_F(StandInTest, RenewsAnExpiredToken) {
  EXPECT_TRUE(Describe().ok());
  Set({{"expired_keys", {"ASIAEXAMPLE1"}}, {"key_number", 2}});
  EXPECT_TRUE(Describe().ok());
  EXPECT_EQ(Control("/_/calls").size(), 3u);
}

TEST_F(StandInTest, SignsThoughTheClockIsWrongByAnHour) {
  for (int offset : {3600, -3600}) {
    Set({{"clock_offset", offset}});
    const auto instance = Describe();
    EXPECT_TRUE(instance.ok()) << instance.status();
  }
  EXPECT_EQ(Control("/_/calls").size(), 4u);
}

TEST_F(StandInTest, SaysWhyThereAreNoCredentials) {
  Set({{"credentials_code", "AssumeRoleUnauthorizedAccess"}});
  EXPECT_EQ(Describe().status().message(),
            "role web of the instance: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role");
}

TEST_F(StandInTest, FindsTheNameTag) {
  const auto find = [&] {
    return *Wait<InstanceName>(
        [&](auto done) { return FindInstanceName(context_, session_.imds, session_.api, done); });
  };
  EXPECT_EQ(find().value, "web-1");
  Set({{"metadata_tags", false},
       {"name_tag",
        "B\xc3\xbc"
        "cher"}});
  const InstanceName name = find();
  EXPECT_EQ(name.value,
            "B\xc3\xbc"
            "cher")
      << name.why;
}

TEST_F(StandInTest, FindsTheAddressesOfZonesAndServices) {
  const auto find = [&](const char* name) -> std::string {
    const auto found = Await(context_, FindPrefixes(session_, *ParseAddressGroup(name)));
    if (!found.ok()) return found.status().ToString();
    std::string text;
    for (const IpPrefix& prefix : *found) StrAppend(&text, prefix.ToString(), " ");
    return text;
  };
  const auto subnet = [](const char* vpc, const char* zone, const char* id, const char* cidr) {
    return json({{"vpc", vpc}, {"zone", zone}, {"zone_id", id}, {"cidr", cidr}});
  };
  json subnets = {subnet("vpc-1", "eu-west-1a", "euw1-az2", "10.0.0.0/20"),
                  subnet("vpc-2", "eu-west-1a", "euw1-az2", "10.1.0.0/20"),
                  subnet("vpc-1", "eu-west-1b", "euw1-az1", "10.0.16.0/20"),
                  subnet("vpc-1", "eu-west-1a", "euw1-az2", "10.0.32.0/20"),
                  {{"vpc", "vpc-1"},
                   {"zone", "eu-west-1a"},
                   {"zone_id", "euw1-az2"},
                   {"ipv6", {"2001:db8::/64"}}}};
  Set({{"vpc", "vpc-1"},
       {"subnets", subnets},
       {"ec2_page", 1},
       {"prefix_lists",
        {{"com.amazonaws.eu-west-1.s3", {"52.218.0.0/17", "3.5.64.0/21"}},
         {"com.amazonaws.eu-west-1.ipv6.s3", {"2a05:d07a:8000::/40"}},
         {"com.amazonaws.eu-west-1.dynamodb", {"52.119.240.0/21"}}}}});
  EXPECT_EQ(find("eu-west-1a"), "10.0.0.0/20 10.0.32.0/20 2001:db8::/64 ");
  EXPECT_EQ(find("euw1-az1"), "10.0.16.0/20 ");
  EXPECT_EQ(find("S3"), "3.5.64.0/21 52.218.0.0/17 2a05:d07a:8000::/40 ");
  EXPECT_EQ(find("DYNAMODB"), "52.119.240.0/21 ");
  EXPECT_EQ(find("use1-az1"),
            "NOT_FOUND: it is no availability zone of eu-west-1, the region of this host");
  Set({{"denied", {"ec2:GetManagedPrefixListEntries"}}});
  EXPECT_THAT(find("S3"), HasSubstr("a policy that allows ec2:GetManagedPrefixListEntries"));
}

TEST_F(StandInTest, DescribesAlarmsOfBothKinds) {
  Set({{"alarms",
        {{"checkout errors", {{"state", "ALARM"}, {"reason", "5 > 3 & more"}}},
         {"all", {{"composite", true}}},
         {"another", json::object()}}}});
  const auto alarms =
      Await(context_, DescribeAlarms(session_.api, {"checkout errors", "all", "not there"}));
  ASSERT_TRUE(alarms.ok()) << alarms.status();
  ASSERT_EQ(alarms->size(), 2u);
  EXPECT_EQ(alarms->at("checkout errors").value, "ALARM");
  EXPECT_EQ(alarms->at("checkout errors").reason, "5 > 3 & more");
  EXPECT_EQ(alarms->at("all").arn, "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:all");
  EXPECT_EQ(alarms->at("all").value, "OK");
}

TEST_F(StandInTest, PublishesMetricsAsCloudWatchWantsThem) {
  const json metrics = Publish([&](CloudWatchPublisher& publisher) {
    for (double value : {1.0, 1.0, 0.0}) {
      publisher.Add({{"Bookstore",
                      "db-connectivity",
                      {{"Host",
                        "B\xc3\xbc"
                        "cher"}},
                      "Count"},
                     value,
                     clock_.Now()});
    }
    publisher.Add({{"Other", "latency", {}, "Milliseconds", 1}, 12.25, clock_.Now()});
  });
  double samples = 0;
  for (const json& metric : metrics) {
    if (metric["MetricName"] != "db-connectivity") continue;
    EXPECT_EQ(metric["Namespace"], "Bookstore");
    EXPECT_EQ(metric["Dimensions"], json({{"Host", "B_cher"}}));
    EXPECT_EQ(metric["Unit"], "Count");
    EXPECT_EQ(metric["StorageResolution"], 60);
    for (const json& count : metric["Counts"]) samples += count.get<double>();
  }
  EXPECT_EQ(samples, 3);
  EXPECT_EQ(metrics.back()["Namespace"], "Other");
  EXPECT_EQ(metrics.back()["Values"], json({12.25}));
  EXPECT_EQ(metrics.back()["StorageResolution"], 1);
}

TEST_F(StandInTest, PublishesManySeriesAtOnce) {
  const json metrics = Publish([&](CloudWatchPublisher& publisher) {
    for (int i = 0; i < 1200; ++i) {
      publisher.Add({{"Bookstore", StrCat("probe-", i), {{"Host", "web-1"}}, "Count"},
                     1.0 / (i + 1),
                     clock_.Now()});
    }
  });
  EXPECT_EQ(metrics.size(), 1200u);
  EXPECT_EQ(Control("/_/calls").size(), 2u);
}

TEST_F(StandInTest, GivesMetricsTheTimeOfTheService) {
  Set({{"clock_offset", 7 * 3600}});
  const json metrics = Publish([&](CloudWatchPublisher& publisher) {
    publisher.Add({{"Bookstore", "db", {}, "Count"}, 1, clock_.Now()});
  });
  const auto at = ParseTime(metrics.at(0)["Timestamp"].get<std::string>());
  EXPECT_LT(std::chrono::abs(*at - clock_.WallNow() - std::chrono::hours(7)),
            std::chrono::minutes(3));
}

}  // namespace
}  // namespace faultd

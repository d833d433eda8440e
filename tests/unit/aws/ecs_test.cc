#include "aws/ecs.h"

#include "aws/api_error.h"
#include "aws/ec2_tags.h"
#include "unit/aws/aws_fixture.h"
#include <nlohmann/json.hpp>

namespace faultd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kInstance[] =
    "arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/0123456789abcdef0123456789abcdef";

class EcsTest : public AwsTest {
 protected:
  Reply Answer(const Request& request) override {
    const auto target = request.headers.find("x-amz-target");
    const std::string key = target == request.headers.end() ? request.target : target->second;
    const auto found = answers_.find(key.substr(key.find('.') + 1));
    return found == answers_.end() ? Reply{404} : found->second;
  }
  Ecs MakeEcs() { return Ecs(context_, MakeApi(1), http_, server_.url()); }

  template <typename T>
  StatusOr<T> Wait(const std::function<PendingCall(std::function<void(StatusOr<T>)>)>& start) {
    std::optional<StatusOr<T>> result;
    const PendingCall call = start([&](StatusOr<T> answer) { result = std::move(answer); });
    EXPECT_FALSE(result.has_value());
    RunUntil(context_, [&] { return result.has_value(); });
    return *std::move(result);
  }
  StatusOr<EcsAgentMetadata> Metadata() {
    Ecs ecs = MakeEcs();
    return Wait<EcsAgentMetadata>([&](auto done) { return ecs.GetAgentMetadata(done); });
  }
  StatusOr<ContainerInstance> Update(const std::string& status) {
    Ecs ecs = MakeEcs();
    return Wait<ContainerInstance>([&](auto done) {
      return ecs.UpdateContainerInstanceState("prod", kInstance, status, done);
    });
  }
  nlohmann::json LastBody() const { return nlohmann::json::parse(server_.requests().back().body); }

  std::map<std::string, Reply> answers_;
};

TEST_F(EcsTest, AsksTheAgent) {
  answers_["/v1/metadata"] = {200,
                              StrCat(R"({"Cluster":"prod","ContainerInstanceArn":")", kInstance,
                                     R"(","Version":"Amazon ECS Agent - v1.105.1"})")};
  const auto metadata = Metadata();
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_EQ(metadata->cluster, "prod");
  EXPECT_EQ(metadata->container_instance_arn, kInstance);
  EXPECT_EQ(metadata->version, "Amazon ECS Agent - v1.105.1");
  answers_["/v1/metadata"] = {200, R"({"Cluster":"prod","ContainerInstanceArn":null})"};
  EXPECT_EQ(Metadata()->container_instance_arn, "");
  answers_["/v1/metadata"] = {500, "{}"};
  EXPECT_EQ(Metadata().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(EcsTest, RefusesAnswersThatNestDeep) {
  const std::string deep = std::string(1 << 20, '[') + std::string(1 << 20, ']');
  answers_["UpdateContainerInstancesState"] = {200, StrCat(R"({"failures":)", deep, "}")};
  EXPECT_EQ(Update("ACTIVE").status(),
            absl::InternalError("ecs:UpdateContainerInstancesState: the answer is no JSON object"));
  answers_["/v1/metadata"] = {200, StrCat(R"({"x":)", deep, R"(,"Cluster":"prod"})")};
  EXPECT_EQ(Metadata().status().code(), absl::StatusCode::kUnavailable);
  // Brackets in texts nest nothing.
  answers_["/v1/metadata"] = {
      200, StrCat(R"({"x":"\"\\\"[[)", std::string(100, '['), R"(","Cluster":"prod"})")};
  EXPECT_EQ(Metadata()->cluster, "prod");
}

TEST_F(EcsTest, SaysThatThereIsNoAgent) {
  Ecs ecs(context_, MakeApi(1), http_, "http://127.0.0.1:1");
  const auto metadata =
      Wait<EcsAgentMetadata>([&](auto done) { return ecs.GetAgentMetadata(done); });
  EXPECT_EQ(
      metadata.status(),
      absl::NotFoundError("ECS agent at http://127.0.0.1:1: GET http://127.0.0.1:1: connect to "
                          "127.0.0.1 port 1: Connection refused"));
}

TEST_F(EcsTest, DescribesAndUpdatesTheInstance) {
  const Reply reply{200,
                    StrCat(R"({"containerInstances":[{"containerInstanceArn":")", kInstance,
                           R"(","ec2InstanceId":"i-1","status":"DRAINING","agentConnected":true,)",
                           R"("runningTasksCount":3,"pendingTasksCount":1,"registeredAt":1.5}],)",
                           R"("failures":[]})")};
  answers_["UpdateContainerInstancesState"] = reply;
  answers_["DescribeContainerInstances"] = reply;
  const auto updated = Update("DRAINING");
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->status, "DRAINING");
  EXPECT_EQ(updated->arn, kInstance);
  EXPECT_EQ(updated->ec2_instance_id, "i-1");
  EXPECT_TRUE(updated->agent_connected);
  EXPECT_EQ(updated->running_tasks, 3);
  EXPECT_EQ(updated->pending_tasks, 1);
  EXPECT_EQ(LastBody(), nlohmann::json::parse(StrCat(R"({"cluster":"prod","containerInstances":[")",
                                                     kInstance, R"("],"status":"DRAINING"})")));
  EXPECT_EQ(server_.requests().back().headers.at("x-amz-target"),
            "AmazonEC2ContainerServiceV20141113.UpdateContainerInstancesState");
  Ecs ecs = MakeEcs();
  EXPECT_TRUE(Wait<ContainerInstance>([&](auto done) {
                return ecs.DescribeContainerInstance("prod", kInstance, done);
              }).ok());
  EXPECT_EQ(LastBody().count("status"), 0u);
}

TEST_F(EcsTest, TakesFailuresForFailures) {
  answers_["UpdateContainerInstancesState"] = {
      200, R"({"containerInstances":[],"failures":[{"arn":"arn:x","reason":"MISSING"}]})"};
  EXPECT_EQ(Update("ACTIVE").status(),
            absl::NotFoundError("ecs:UpdateContainerInstancesState: arn:x is MISSING"));
  answers_["UpdateContainerInstancesState"] = {
      200, R"({"failures":[{"arn":"arn:x","reason":"INACTIVE","detail":"gone"}]})"};
  EXPECT_EQ(
      Update("ACTIVE").status(),
      absl::FailedPreconditionError("ecs:UpdateContainerInstancesState: arn:x is INACTIVE gone"));
  answers_["UpdateContainerInstancesState"] = {200, "{}"};
  EXPECT_EQ(Update("ACTIVE").status(),
            absl::NotFoundError(
                "ecs:UpdateContainerInstancesState: the answer has no container instance"));
  answers_["UpdateContainerInstancesState"] = {200, "nonsense"};
  EXPECT_EQ(Update("ACTIVE").status().code(), absl::StatusCode::kInternal);
  answers_["UpdateContainerInstancesState"] = {
      400, R"({"__type":"AccessDeniedException","Message":"not authorized"})"};
  EXPECT_THAT(std::string(Update("ACTIVE").status().message()),
              HasSubstr("a policy that allows ecs:UpdateContainerInstancesState"));
}

class EcsTasksTest : public EcsTest {
 protected:
  Reply Answer(const Request& request) override {
    const auto body = nlohmann::json::parse(request.body);
    if (request.headers.at("x-amz-target").ends_with("ListTasks")) {
      if (!body.contains("nextToken")) return {200, R"({"taskArns":["a","b"],"nextToken":"more"})"};
      return {200, R"({"taskArns":["c"]})"};
    }
    nlohmann::json answer = {{"tasks", nlohmann::json::array()}};
    for (const auto& arn : body["tasks"]) {
      if (arn != "gone") answer["tasks"].push_back({{"taskArn", arn}, {"lastStatus", "RUNNING"}});
    }
    answer["failures"] = {{{"arn", "gone"}, {"reason", "MISSING"}}};
    return {200, answer.dump()};
  }
};

TEST_F(EcsTasksTest, ListsAllPages) {
  Ecs ecs = MakeEcs();
  EXPECT_THAT(*Wait<std::vector<std::string>>(
                  [&](auto done) { return ecs.ListTasks("prod", kInstance, "RUNNING", done); }),
              ElementsAre("a", "b", "c"));
  EXPECT_EQ(LastBody()["desiredStatus"], "RUNNING");
}

TEST_F(EcsTasksTest, DescribesManyTasks) {
  Ecs ecs = MakeEcs();
  std::vector<std::string> arns(150, "task");
  arns[120] = "gone";
  const auto tasks =
      Wait<std::vector<EcsTask>>([&](auto done) { return ecs.DescribeTasks("prod", arns, done); });
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  EXPECT_EQ(tasks->size(), 149u);
  EXPECT_EQ(tasks->at(0).last_status, "RUNNING");
  EXPECT_EQ(server_.requests().size(), 2u);
}

class InstanceNameTest : public EcsTest {
 protected:
  Reply Answer(const Request& request) override {
    if (request.target == "/") return describe_;
    if (request.target.ends_with("tags/instance/Name")) return tag_;
    if (request.target.ends_with("instance-id")) return {200, "i-0abc"};
    return {404};
  }
  InstanceName Find() {
    return *Wait<InstanceName>(
        [&](auto done) { return FindInstanceName(context_, MakeImds(), MakeApi(1), done); });
  }
  Reply tag_{404};
  Reply describe_{
      200,
      "<DescribeTagsResponse><tagSet><item><resourceId>i-0abc</resourceId><key>Name</key>"
      "<value>web &amp; 1</value></item></tagSet></DescribeTagsResponse>"};
};

TEST_F(InstanceNameTest, IsTheTagOfTheMetadata) {
  tag_ = {200, "web-1"};
  const InstanceName name = Find();
  EXPECT_EQ(name.value, "web-1");
  EXPECT_EQ(name.source, InstanceName::Source::kTag);
  EXPECT_THAT(Targets(), ElementsAre("/latest/meta-data/tags/instance/Name"));
}

TEST_F(InstanceNameTest, IsAskedOfEc2WhenTheMetadataHasNoTags) {
  EXPECT_EQ(Find().value, "web & 1");
  EXPECT_EQ(
      server_.requests().back().body,
      "Action=DescribeTags&Version=2016-11-15&Filter.1.Name=resource-id&Filter.1.Value.1=i-0abc&"
      "Filter.2.Name=key&Filter.2.Value.1=Name");
}

TEST_F(InstanceNameTest, IsTheInstanceIdWhenThereIsNoTag) {
  describe_ = {200, "<DescribeTagsResponse><tagSet/></DescribeTagsResponse>"};
  InstanceName name = Find();
  EXPECT_EQ(name.value, "i-0abc");
  EXPECT_EQ(name.source, InstanceName::Source::kInstanceId);
  EXPECT_EQ(name.why.message(), "instance i-0abc has no Name tag");
  describe_ = {403,
               "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not "
               "authorized</Message></Error></Errors></Response>"};
  name = Find();
  EXPECT_EQ(name.value, "i-0abc");
  EXPECT_EQ(name.why.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(name.why.message()), HasSubstr("allows ec2:DescribeTags"));
}

TEST_F(InstanceNameTest, IsTheHostNameElsewhere) {
  environment_["AWS_EC2_METADATA_DISABLED"] = "true";
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  const InstanceName name = Find();
  EXPECT_EQ(name.value, host);
  EXPECT_EQ(name.source, InstanceName::Source::kHostName);
}

}  // namespace
}  // namespace faultd

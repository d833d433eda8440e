#include "aws/ecs.h"

#include <algorithm>

#include "aws/json_text.h"

namespace faultd {
namespace {

namespace asio = boost::asio;
using nlohmann::json;

constexpr std::string_view kTarget = "AmazonEC2ContainerServiceV20141113";
constexpr size_t kMostTasksDescribed = 100;
// A page has 100 tasks, and no instance runs thousands: a service that never stops must not hold
// us.
constexpr int kMostPages = 100;

asio::awaitable<StatusOr<json>> Call(std::shared_ptr<ApiClient> api, std::string action,
                                     json parameters) {
  ApiRequest request = JsonRequest(kEcs, kTarget, action, parameters.dump());
  auto response = co_await api->Call(std::move(request));
  if (!response.ok()) co_return response.status();
  json answer = ParseAnswer(response->body);
  if (!answer.is_object()) {
    co_return absl::InternalError(StrCat("ecs:", action, ": the answer is no JSON object"));
  }
  co_return answer;
}

Status FailureIn(const json& answer, std::string_view action) {
  for (const json& failure : JsonArray(answer, "failures")) {
    const std::string reason = JsonText(failure, "reason");
    const std::string message = StrCat("ecs:", action, ": ", JsonText(failure, "arn"), " is ",
                                       reason, " ", JsonText(failure, "detail"));
    const std::string trimmed = message.substr(0, message.find_last_not_of(' ') + 1);
    return reason == "MISSING" ? absl::NotFoundError(trimmed)
                               : absl::FailedPreconditionError(trimmed);
  }
  return absl::OkStatus();
}

StatusOr<ContainerInstance> OnlyInstance(const json& answer, std::string_view action) {
  RETURN_IF_ERROR(FailureIn(answer, action));
  const json instances = JsonArray(answer, "containerInstances");
  if (instances.empty()) {
    return absl::NotFoundError(StrCat("ecs:", action, ": the answer has no container instance"));
  }
  const json& found = instances.front();
  ContainerInstance instance;
  instance.arn = JsonText(found, "containerInstanceArn");
  instance.ec2_instance_id = JsonText(found, "ec2InstanceId");
  instance.status = JsonText(found, "status");
  instance.status_reason = JsonText(found, "statusReason");
  instance.agent_connected = JsonBool(found, "agentConnected");
  instance.running_tasks = JsonInteger(found, "runningTasksCount");
  instance.pending_tasks = JsonInteger(found, "pendingTasksCount");
  return instance;
}

asio::awaitable<StatusOr<ContainerInstance>> CallAboutInstance(std::shared_ptr<ApiClient> api,
                                                               std::string action,
                                                               json parameters) {
  auto answer = co_await Call(std::move(api), action, std::move(parameters));
  if (!answer.ok()) co_return answer.status();
  co_return OnlyInstance(*answer, action);
}

asio::awaitable<StatusOr<EcsAgentMetadata>> AgentMetadata(std::shared_ptr<HttpClient> http,
                                                          std::string agent_url) {
  const std::string what = StrCat("ECS agent at ", agent_url);
  auto url = Url::Parse(agent_url);
  if (!url.ok()) co_return url.status();
  HttpRequest request;
  request.url = *std::move(url);
  request.url.target = "/v1/metadata";
  auto response = co_await http->Send(std::move(request), std::chrono::seconds(2));
  if (!response.ok()) {
    const Status status = Annotate(response.status(), what);
    co_return absl::IsUnavailable(status) ? absl::NotFoundError(status.message()) : status;
  }
  const json answer = ParseAnswer(response->body);
  EcsAgentMetadata metadata{JsonText(answer, "Cluster"), JsonText(answer, "ContainerInstanceArn"),
                            JsonText(answer, "Version")};
  if (response->status != 200 || metadata.cluster.empty()) {
    co_return absl::UnavailableError(
        StrCat(what, ": HTTP status ", response->status, " and no cluster; is it still starting?"));
  }
  co_return metadata;
}

asio::awaitable<StatusOr<std::vector<std::string>>> AllTasks(std::shared_ptr<ApiClient> api,
                                                             json parameters) {
  std::vector<std::string> arns;
  for (int page = 0; page < kMostPages; ++page) {
    auto answer = co_await Call(api, "ListTasks", parameters);
    if (!answer.ok()) co_return answer.status();
    for (const json& arn : JsonArray(*answer, "taskArns")) {
      if (arn.is_string()) arns.push_back(arn.get<std::string>());
    }
    const std::string next = JsonText(*answer, "nextToken");
    if (next.empty()) co_return arns;
    parameters["nextToken"] = next;
  }
  co_return absl::ResourceExhaustedError("ecs:ListTasks: there is no end to its pages");
}

asio::awaitable<StatusOr<std::vector<EcsTask>>> TasksOf(std::shared_ptr<ApiClient> api,
                                                        std::string cluster,
                                                        std::vector<std::string> arns) {
  std::vector<EcsTask> tasks;
  for (size_t begin = 0; begin < arns.size(); begin += kMostTasksDescribed) {
    const size_t end = std::min(begin + kMostTasksDescribed, arns.size());
    json parameters;
    parameters["cluster"] = cluster;
    parameters["tasks"] = json::array();
    for (size_t i = begin; i < end; ++i) parameters["tasks"].push_back(arns[i]);
    auto answer = co_await Call(api, "DescribeTasks", std::move(parameters));
    if (!answer.ok()) co_return answer.status();
    if (const Status status = FailureIn(*answer, "DescribeTasks");
        !status.ok() && !absl::IsNotFound(status)) {
      co_return status;
    }
    for (const json& task : JsonArray(*answer, "tasks")) {
      tasks.push_back({JsonText(task, "taskArn"), JsonText(task, "group"),
                       JsonText(task, "lastStatus"), JsonText(task, "desiredStatus")});
    }
  }
  co_return tasks;
}

}  // namespace

PendingCall Ecs::GetAgentMetadata(Callback<EcsAgentMetadata> done) {
  return StartCall(context_, AgentMetadata(http_, agent_url_), std::move(done));
}

PendingCall Ecs::DescribeContainerInstance(std::string cluster, std::string instance,
                                           Callback<ContainerInstance> done) {
  json parameters = {{"cluster", cluster}, {"containerInstances", {instance}}};
  return StartCall(context_,
                   CallAboutInstance(api_, "DescribeContainerInstances", std::move(parameters)),
                   std::move(done));
}

PendingCall Ecs::UpdateContainerInstanceState(std::string cluster, std::string instance,
                                              std::string status,
                                              Callback<ContainerInstance> done) {
  json parameters = {{"cluster", cluster}, {"containerInstances", {instance}}, {"status", status}};
  return StartCall(context_,
                   CallAboutInstance(api_, "UpdateContainerInstancesState", std::move(parameters)),
                   std::move(done));
}

PendingCall Ecs::ListTasks(std::string cluster, std::string instance, std::string desired_status,
                           Callback<std::vector<std::string>> done) {
  json parameters = {
      {"cluster", cluster}, {"containerInstance", instance}, {"desiredStatus", desired_status}};
  return StartCall(context_, AllTasks(api_, std::move(parameters)), std::move(done));
}

PendingCall Ecs::DescribeTasks(std::string cluster, std::vector<std::string> tasks,
                               Callback<std::vector<EcsTask>> done) {
  return StartCall(context_, TasksOf(api_, std::move(cluster), std::move(tasks)), std::move(done));
}

}  // namespace faultd

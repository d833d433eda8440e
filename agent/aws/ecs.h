#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aws/api_call.h"
#include "base/status.h"
#include "http/http_client.h"
#include "http/pending_call.h"
#include <boost/asio/io_context.hpp>

namespace faultd {

// What the ECS agent of this host says about itself.
struct EcsAgentMetadata {
  std::string cluster;                 // as configured: a name or an ARN
  std::string container_instance_arn;  // empty until the agent has registered
  std::string version;
};

struct ContainerInstance {
  std::string arn;
  std::string ec2_instance_id;
  std::string status;  // "ACTIVE", "DRAINING", …
  std::string status_reason;
  bool agent_connected = false;
  int64_t running_tasks = 0;
  int64_t pending_tasks = 0;
};

struct EcsTask {
  std::string arn;
  std::string group;  // "service:web", "family:batch"
  std::string last_status;
  std::string desired_status;
};

// The local ECS agent and the ECS API. All functions return at once; the callback is called on the
// context, unless the PendingCall is destroyed before. Errors of the API are those of ApiClient; a
// `failures` entry in an answer is one as well: NOT_FOUND for MISSING, else FAILED_PRECONDITION.
class Ecs {
 public:
  template <typename T>
  using Callback = std::function<void(StatusOr<T>)>;

  // `agent_url` is that of the introspection endpoint.
  Ecs(boost::asio::io_context& context, std::shared_ptr<ApiClient> api,
      std::shared_ptr<HttpClient> http, std::string agent_url = "http://127.0.0.1:51678")
      : context_(context),
        api_(std::move(api)),
        http_(std::move(http)),
        agent_url_(std::move(agent_url)) {}

  // NOT_FOUND when no agent listens: this is no ECS host, or it has not come up yet.
  PendingCall GetAgentMetadata(Callback<EcsAgentMetadata> done);

  // `instance` is an id or ARN.
  PendingCall DescribeContainerInstance(std::string cluster, std::string instance,
                                        Callback<ContainerInstance> done);
  // `status` is "ACTIVE" or "DRAINING"; answers with the instance as it is then.
  PendingCall UpdateContainerInstanceState(std::string cluster, std::string instance,
                                           std::string status, Callback<ContainerInstance> done);
  // ARNs of all tasks on the instance whose desired status is "RUNNING", "PENDING" or "STOPPED".
  PendingCall ListTasks(std::string cluster, std::string instance, std::string desired_status,
                        Callback<std::vector<std::string>> done);
  // Tasks that are gone are left out.
  PendingCall DescribeTasks(std::string cluster, std::vector<std::string> tasks,
                            Callback<std::vector<EcsTask>> done);

 private:
  boost::asio::io_context& context_;
  std::shared_ptr<ApiClient> api_;
  std::shared_ptr<HttpClient> http_;
  std::string agent_url_;
};

}  // namespace faultd

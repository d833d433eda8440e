#include "aws/host_ecs.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "aws/json_text.h"

namespace faultd {
namespace {

namespace asio = boost::asio;

EcsInstanceState StateOf(const ContainerInstance& instance) {
  return {instance.status, static_cast<uint64_t>(instance.running_tasks),
          static_cast<uint64_t>(instance.pending_tasks)};
}

// meta-data/spot/instance-action: {"action": "terminate", "time": "2017-09-18T08:22:00Z"}; EC2 user
// guide, "Spot Instance interruption notices".
std::string SpotClaim(const std::string& notice) {
  const auto parsed = ParseAnswer(notice);
  return StrCat("a spot interruption notice (", JsonText(parsed, "action"), " at ",
                JsonText(parsed, "time"), ")");
}

// Not to be told counts as no claim: it is no reason to leave a fault behind.
asio::awaitable<StatusOr<std::string>> Claim(std::shared_ptr<Imds> imds) {
  auto spot = co_await imds->Get("meta-data/spot/instance-action");
  if (spot.ok()) co_return SpotClaim(*spot);
  auto lifecycle = co_await imds->Get("meta-data/autoscaling/target-lifecycle-state");
  if (lifecycle.ok() && *lifecycle != "InService") {
    co_return StrCat("its Auto Scaling group wants it to be ", *lifecycle);
  }
  for (const Status& status : {spot.status(), lifecycle.status()}) {
    if (status.ok() || absl::IsNotFound(status)) continue;
    spdlog::warn("whether somebody else wants this host gone is not known: {}",
                 std::string(status.message()));
    break;
  }
  co_return std::string();
}

asio::awaitable<StatusOr<std::string>> NoClaim() { co_return std::string(); }

}  // namespace

HostEcs::HostEcs(asio::io_context& context, const AwsSession& session, const std::string& agent_url,
                 bool has_metadata)
    : context_(context),
      imds_(session.imds),
      ecs_(context, session.api, session.http, agent_url),
      has_metadata_(has_metadata) {}

template <typename Start>
void HostEcs::Keep(Start start) {
  const uint64_t number = next_call_++;
  // Callbacks come later, from the loop, so there is something to erase by then.
  calls_.emplace(number, start([this, number] { calls_.erase(number); }));
}

void HostEcs::FindInstance(Callback<EcsPlace> done) {
  Keep([&](auto end) {
    return ecs_.GetAgentMetadata([done, end](StatusOr<EcsAgentMetadata> metadata) {
      end();
      if (!metadata.ok()) return done(metadata.status());
      if (metadata->container_instance_arn.empty()) {
        return done(absl::UnavailableError(
            StrCat("the ECS agent has not registered with cluster ", metadata->cluster, " yet")));
      }
      done(EcsPlace{metadata->cluster, metadata->container_instance_arn});
    });
  });
}

void HostEcs::Describe(const EcsPlace& place, Callback<EcsInstanceState> done) {
  Keep([&](auto end) {
    return ecs_.DescribeContainerInstance(place.cluster, place.instance_arn,
                                          [done, end](StatusOr<ContainerInstance> instance) {
                                            end();
                                            if (!instance.ok()) return done(instance.status());
                                            done(StateOf(*instance));
                                          });
  });
}

void HostEcs::SetStatus(const EcsPlace& place, const std::string& status,
                        Callback<EcsInstanceState> done) {
  Keep([&](auto end) {
    return ecs_.UpdateContainerInstanceState(place.cluster, place.instance_arn, status,
                                             [done, end](StatusOr<ContainerInstance> instance) {
                                               end();
                                               if (!instance.ok()) return done(instance.status());
                                               done(StateOf(*instance));
                                             });
  });
}

void HostEcs::CountStandaloneTasks(const EcsPlace& place, Callback<uint64_t> done) {
  Keep([&](auto end) {
    return ecs_.ListTasks(
        place.cluster, place.instance_arn, "RUNNING",
        [this, place, done, end](StatusOr<std::vector<std::string>> arns) {
          end();
          if (!arns.ok()) return done(arns.status());
          Keep([&](auto end_of_second) {
            return ecs_.DescribeTasks(
                place.cluster, *arns, [done, end_of_second](StatusOr<std::vector<EcsTask>> tasks) {
                  end_of_second();
                  if (!tasks.ok()) return done(tasks.status());
                  done(static_cast<uint64_t>(std::count_if(
                      tasks->begin(), tasks->end(),
                      [](const EcsTask& task) { return !task.group.starts_with("service:"); })));
                });
          });
        });
  });
}

void HostEcs::FindClaim(Callback<std::string> done) {
  Keep([&](auto end) {
    return StartCall<StatusOr<std::string>>(context_, has_metadata_ ? Claim(imds_) : NoClaim(),
                                            [done, end](StatusOr<std::string> claim) {
                                              end();
                                              done(std::move(claim));
                                            });
  });
}

}  // namespace faultd

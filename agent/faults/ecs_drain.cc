// Draining the ECS container instance that this host is.
#include "base/strings.h"
#include "faults/fault_kind.h"

namespace faultd {
namespace {

// "0123…" of ".../container-instance/prod/0123…".
std::string IdIn(const std::string& arn) { return arn.substr(arn.rfind('/') + 1); }

EcsPlace PlaceOf(const v1::EcsDrainUndo& undo) {
  return {undo.cluster(), undo.container_instance_arn()};
}

Status NoNetwork() {
  return absl::FailedPreconditionError("this program does not talk to ECS; faultd does");
}

Status Validate(const v1::FaultSpec&) { return absl::OkStatus(); }

std::vector<std::string> Names(const v1::FaultSpec&) { return {}; }

void Survey(const v1::FaultSpec&, Host& host, std::function<void(Status)> done) {
  if (host.ecs == nullptr) return done(NoNetwork());
  host.ecs->Survey(std::move(done));
}

StatusOr<FaultPlan> Plan(const v1::FaultSpec&, const ResolvedNames&, Host& host) {
  if (host.ecs == nullptr) return NoNetwork();
  ASSIGN_OR_RETURN(const EcsDrains::Facts facts, host.ecs->facts());
  FaultPlan plan;
  v1::EcsDrainUndo& undo = *plan.undo.mutable_ecs_drain();
  undo.set_cluster(facts.place.cluster);
  undo.set_container_instance_arn(facts.place.instance_arn);
  const std::string instance = IdIn(facts.place.instance_arn);
  plan.summary = StrCat("ecs_drain of ", instance, " in cluster ", facts.place.cluster);
  plan.changes.push_back(StrCat("set the container instance ", facts.place.instance_arn,
                                " to DRAINING: ECS places no tasks on it and moves those of "
                                "services away; they do not come back by themselves"));
  if (facts.assumed) {
    plan.warnings.push_back(
        "its status cannot be read (ecs:DescribeContainerInstances is not allowed); it is taken "
        "for ACTIVE, and set to ACTIVE at the end");
  }
  if (facts.standalone_tasks.value_or(0) > 0) {
    plan.warnings.push_back(StrCat(*facts.standalone_tasks, " of ", facts.state.running_tasks,
                                   " running tasks belong to no service and stay"));
  }
  return plan;
}

StatusOr<std::optional<std::string>> Inject(const std::string& id, const v1::FaultSpec&,
                                            const v1::Undo& undo, Host& host) {
  if (host.ecs == nullptr) return NoNetwork();
  const EcsPlace place = PlaceOf(undo.ecs_drain());
  ASSIGN_OR_RETURN(const auto effect, host.ecs->Of(id, place).Drain());
  if (!effect) return std::nullopt;
  return StrCat(IdIn(place.instance_arn), " is ", effect->status(), " with ",
                effect->running_tasks(), " running tasks");
}

StatusOr<bool> Revert(const std::string& id, const v1::Undo& undo, Host& host) {
  if (host.ecs == nullptr) return NoNetwork();
  return host.ecs->Of(id, PlaceOf(undo.ecs_drain())).Restore();
}

std::string Remark(const std::string& id, Host& host) {
  const EcsDrain* drain = host.ecs == nullptr ? nullptr : host.ecs->Find(id);
  if (drain == nullptr) return "";
  const std::string remark = drain->remark();
  host.ecs->Forget(id);
  return remark;
}

StatusOr<v1::Effect> Observe(const std::string& id, Host& host) {
  EcsDrain* drain = host.ecs == nullptr ? nullptr : host.ecs->Find(id);
  if (drain == nullptr) return absl::NotFoundError(StrCat("fault ", id, " drains nothing"));
  v1::Effect effect;
  ASSIGN_OR_RETURN(*effect.mutable_ecs_drain(), drain->Observe());
  return effect;
}

Capability Report(Host& host) {
  if (host.ecs == nullptr)
    return {CapabilityState::kUnavailable, std::string(NoNetwork().message()), ""};
  const StatusOr<EcsPlace> place = host.ecs->Look();
  if (absl::IsNotFound(place.status())) {
    return {CapabilityState::kNotApplicable,
            "no ECS agent answers: " + std::string(place.status().message()), ""};
  }
  if (!place.ok()) {
    return {CapabilityState::kUnavailable, std::string(place.status().message()),
            "see that the ECS agent (ecs.service) is up and has joined its cluster"};
  }
  return {CapabilityState::kAvailable,
          StrCat("container instance ", IdIn(place->instance_arn), " of cluster ", place->cluster),
          ""};
}

}  // namespace

extern const FaultKind ecs_drain_fault;
const FaultKind ecs_drain_fault = {
    .name = "ecs_drain",
    .survives_reboot = true,
    .observe_interval = std::chrono::seconds(2),
    .poll_interval = std::chrono::milliseconds(20),
    .remote = true,
    .validate = Validate,
    .names = Names,
    .survey = Survey,
    .plan = Plan,
    .inject = Inject,
    .revert = Revert,
    .remark = Remark,
    .observe = Observe,
    .capability = Report,
};

}  // namespace faultd

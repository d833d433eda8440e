#include "rpc/agent_service.h"

#include "rpc/call.h"

namespace faultd {

grpc::ServerUnaryReactor* AgentService::GetAgent(grpc::CallbackServerContext* context,
                                                 const v1::GetAgentRequest* request,
                                                 v1::GetAgentResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    describe_([=](v1::Agent agent) {
      *response->mutable_agent() = std::move(agent);
      call->Answer(absl::OkStatus());
    });
  });
}

grpc::ServerUnaryReactor* AgentService::SetSafetyLever(grpc::CallbackServerContext* context,
                                                       const v1::SetSafetyLeverRequest* request,
                                                       v1::SetSafetyLeverResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    if (Status valid = ValidateLever(call->caller(), *request); !valid.ok())
      return call->Answer(valid);
    const auto answer = [=](StatusOr<v1::SafetyLever> lever) {
      call->AnswerWith(std::move(lever), response->mutable_safety_lever());
    };
    if (!request->engaged()) return engine_.ReleaseLever(call->caller().actor, answer);
    engine_.EngageLever(request->reason(), call->caller().actor, answer);
  });
}

Status AgentService::ValidateLever(const Caller& caller,
                                   const v1::SetSafetyLeverRequest& request) const {
  if (request.engaged()) {
    // All faults, which belong to nobody in particular.
    RETURN_IF_ERROR(access_.MayRevert(caller, ""));
    return ValidateLeverReason(request.reason());
  }
  RETURN_IF_ERROR(access_.MayReleaseLever(caller));
  if (request.reason().empty()) return absl::OkStatus();
  return FieldError("reason", "is for engaging the lever; leave it out to release it");
}

}  // namespace faultd

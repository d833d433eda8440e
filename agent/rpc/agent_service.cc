#include "rpc/agent_service.h"

#include "rpc/call.h"

namespace faultd {

grpc::ServerUnaryReactor* AgentService::GetAgent(grpc::CallbackServerContext* context,
                                                 const v1::GetAgentRequest* request,
                                                 v1::GetAgentResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    *response->mutable_agent() = describe_();
    call->Answer(absl::OkStatus());
  });
}

}  // namespace faultd

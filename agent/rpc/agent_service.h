#pragma once

#include <functional>
#include <string>

#include "engine/engine.h"
#include "faultd/v1/agent_service.grpc.pb.h"
#include "rpc/access.h"

namespace faultd {

// AgentService: who this daemon is. `describe` fills the answer on the loop.
class AgentService final : public v1::AgentService::CallbackService {
 public:
  AgentService(std::function<v1::Agent()> describe, Loop& loop, const Access& access)
      : describe_(std::move(describe)), loop_(loop), access_(access) {}

  grpc::ServerUnaryReactor* GetAgent(grpc::CallbackServerContext* context,
                                     const v1::GetAgentRequest* request,
                                     v1::GetAgentResponse* response) override;

 private:
  const std::function<v1::Agent()> describe_;
  Loop& loop_;
  const Access& access_;
};

}  // namespace faultd

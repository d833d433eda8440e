#pragma once

#include <functional>
#include <string>

#include "engine/engine.h"
#include "faultd/v1/agent_service.grpc.pb.h"
#include "rpc/access.h"

namespace faultd {

// AgentService: who this daemon is, and its safety lever. `describe` is called on the loop, and
// calls back there.
class AgentService final : public v1::AgentService::CallbackService {
 public:
  using Describe = std::function<void(std::function<void(v1::Agent)> done)>;

  AgentService(Describe describe, Engine& engine, Loop& loop, const Access& access)
      : describe_(std::move(describe)), engine_(engine), loop_(loop), access_(access) {}

  grpc::ServerUnaryReactor* GetAgent(grpc::CallbackServerContext* context,
                                     const v1::GetAgentRequest* request,
                                     v1::GetAgentResponse* response) override;
  grpc::ServerUnaryReactor* SetSafetyLever(grpc::CallbackServerContext* context,
                                           const v1::SetSafetyLeverRequest* request,
                                           v1::SetSafetyLeverResponse* response) override;

 private:
  // Whether this caller may do this, and says it as it should be said.
  Status ValidateLever(const Caller& caller, const v1::SetSafetyLeverRequest& request) const;

  const Describe describe_;
  Engine& engine_;
  Loop& loop_;
  const Access& access_;
};

}  // namespace faultd

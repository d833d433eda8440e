#include "ctl/commands.h"
#include "ctl/render.h"

namespace faultd::ctl {
namespace {

using AgentStub = v1::AgentService::Stub;

ExitCode Tell(const v1::SafetyLever& lever, Output& output) {
  output.Json(lever);
  output.Text(LeverText(lever));
  return ExitCode::kDone;
}

}  // namespace

ExitCode Lever(const Options& options, Client& client, Output& output) {
  if (options.lever == Options::LeverAction::kStatus) {
    v1::GetAgentResponse response;
    if (auto failure = client.Call(client.agent(), &AgentStub::GetAgent, v1::GetAgentRequest(),
                                   &response, Purpose::kRead)) {
      return output.Fail(*failure);
    }
    return Tell(response.agent().safety_lever(), output);
  }
  v1::SetSafetyLeverRequest request;
  request.set_engaged(options.lever == Options::LeverAction::kEngage);
  request.set_reason(options.reason);
  v1::SetSafetyLeverResponse response;
  if (auto failure = client.Call(client.agent(), &AgentStub::SetSafetyLever, request, &response,
                                 request.engaged() ? Purpose::kRevert : Purpose::kRead)) {
    return output.Fail(*failure);
  }
  return Tell(response.safety_lever(), output);
}

}  // namespace faultd::ctl

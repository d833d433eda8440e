#include "base/strings.h"
#include "ctl/commands.h"
#include "ctl/render.h"

namespace faultd::ctl {
namespace {

std::optional<Failure> GetAgent(Client& client, v1::Agent& agent) {
  v1::GetAgentResponse response;
  auto failure = client.Call(client.agent(), &v1::AgentService::Stub::GetAgent,
                             v1::GetAgentRequest(), &response, Purpose::kRead);
  agent = std::move(*response.mutable_agent());
  return failure;
}

}  // namespace

ExitCode Doctor(const Options& options, Client& client, Output& output) {
  v1::Agent agent;
  if (auto failure = GetAgent(client, agent)) {
    StrAppend(&failure->message, "\nIf a fault may be left on ", client.remote() ? "that" : "this",
              " host, put it back by hand: faultd-guardian --once");
    return output.Fail(*failure);
  }
  output.Json(agent);
  output.Text(AgentReport(agent));
  bool clean = agent.leftovers().empty();
  if (options.strict) {
    clean = clean && agent.guardian_pid() != 0 && !agent.safety_lever().engaged();
    for (const v1::Capability& each : agent.capabilities())
      clean = clean && each.state() != v1::Capability::UNAVAILABLE;
  }
  return clean ? ExitCode::kDone : ExitCode::kFaultFailed;
}

ExitCode Version(Client& client, Output& output) {
  v1::Agent agent;
  const auto failure = GetAgent(client, agent);
  output.Json(StrCat("{\"faultctl\":", ToJson(std::string(FAULTD_VERSION)),
                     failure ? "" : ",\"faultd\":" + ToJson(agent.version()), "}"));
  output.Text("faultctl " FAULTD_VERSION);
  output.Text(failure ? "faultd: " + failure->message
                      : StrCat("faultd ", agent.version(), " at ", client.address()));
  return ExitCode::kDone;
}

}  // namespace faultd::ctl

#include "base/proto_time.h"
#include "base/strings.h"
#include "ctl/commands.h"
#include "ctl/render.h"

namespace faultd::ctl {

ExitCode WaitDrained(const std::string& id, std::chrono::nanoseconds longest, Client& client,
                     Output& output) {
  v1::WatchFaultsRequest request;
  request.set_id(id);
  *request.mutable_effect_interval() = ToProto(std::chrono::seconds(1));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::duration_cast<std::chrono::microseconds>(longest));
  const auto stream = client.faults().WatchFaults(&context, request);
  v1::WatchFaultsResponse response;
  v1::Fault last;
  std::string shown;
  bool settled = false;
  while (!settled && !output.broken() && stream->Read(&response)) {
    if (!response.has_fault()) continue;
    last = response.fault();
    settled = last.effect().ecs_drain().drained() || last.state() != v1::FAULT_STATE_ACTIVE;
    const std::string effect = EffectWords(last.effect());
    if (!settled && effect != shown) output.Text(StrCat(id, " ", effect));
    shown = effect;
  }
  if (settled || output.broken()) context.TryCancel();
  const grpc::Status status = stream->Finish();
  if (settled) {
    output.Json(last);
    if (last.state() == v1::FAULT_STATE_ACTIVE) {
      output.Text(StrCat(id, " drained: ", EffectWords(last.effect())));
      return ExitCode::kDone;
    }
    output.Warn(StrCat("ended before it was drained: ", FaultLine(last)));
    return ExitCode::kFaultFailed;
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    output.Warn(StrCat(id, " is active, but not drained within ", ShortDuration(longest), ": ",
                       EffectWords(last.effect())));
    return ExitCode::kFaultFailed;
  }
  return output.broken() ? ExitCode::kDone : output.Fail(client.Explain(status, Purpose::kRead));
}

}  // namespace faultd::ctl

#include <ctime>

#include "base/proto_time.h"
#include "base/strings.h"
#include "ctl/commands.h"
#include "ctl/render.h"
#include "ctl/stop_watcher.h"

namespace faultd::ctl {
namespace {

// "04:05:06 my-1 active, 4m59s left: …", with the effect where there is one.
std::string WatchLine(const v1::Fault& fault) {
  std::string line = StrCat(FormatClock(time(nullptr)), " ", FaultLine(fault));
  if (const std::string effect = EffectWords(fault.effect()); !effect.empty())
    StrAppend(&line, "; ", effect);
  return line;
}

}  // namespace

ExitCode Watch(const Options& options, Client& client, Output& output, int stop_fd) {
  v1::WatchFaultsRequest request;
  if (!options.ids.empty()) request.set_id(options.ids.front());
  if (options.interval) *request.mutable_effect_interval() = ToProto(*options.interval);

  grpc::ClientContext context;
  auto stream = client.faults().WatchFaults(&context, request);
  v1::Fault last;
  bool over = false;
  bool stopped = false;
  {
    StopWatcher watcher(stop_fd, std::chrono::milliseconds(0), [&] { context.TryCancel(); }, [] {});
    v1::WatchFaultsResponse response;
    while (!over && !output.broken() && stream->Read(&response)) {
      if (!response.has_fault()) continue;
      last = response.fault();
      output.Json(last);
      output.Text(WatchLine(last));
      over = !request.id().empty() && IsOver(last);
    }
    stopped = over || output.broken();
    if (stopped) context.TryCancel();
  }
  const grpc::Status status = stream->Finish();
  if (over) {
    return last.state() == v1::FAULT_STATE_FAILED ? ExitCode::kFaultFailed : ExitCode::kDone;
  }
  // Cancelled by ourselves: nobody wants to see more.
  if (stopped || status.ok() || status.error_code() == grpc::StatusCode::CANCELLED)
    return ExitCode::kDone;
  return output.Fail(client.Explain(status, Purpose::kRead));
}

}  // namespace faultd::ctl

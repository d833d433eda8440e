#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/proto_time.h"
#include "base/strings.h"
#include "ctl/commands.h"
#include "ctl/render.h"
#include "ctl/stop_watcher.h"

namespace faultd::ctl {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{250};
// SSM keeps 2,500 characters of a command's output, which is about this many lines.
constexpr int kPlainLines = 20;
constexpr seconds kShortestPlain{5};

// What is shown of the fault while it is held. Called by the stream's thread and the ticking one.
class HoldView {
 public:
  explicit HoldView(Output& output) : output_(output) {}

  // False when nobody reads it any more.
  bool Update(const v1::Fault& fault) {
    std::lock_guard lock(mutex_);
    fault_ = fault;
    updated_ = steady_clock::now();
    const bool starts = !started_ && fault.state() == v1::FAULT_STATE_ACTIVE;
    if (starts || IsOver(fault) || !output_.style().brief) output_.Json(fault);
    if (starts) {
      started_ = true;
      output_.Text(StrCat(fault.id(), " active until ", FormatTime(fault.lease().deadline()), " (",
                          ShortDuration(FromProto(fault.lease().remaining())),
                          "), held: ", fault.summary()));
    } else if (started_ && !IsOver(fault) && !output_.style().terminal) {
      output_.Text(PlainLine());
    }
    Redraw();
    return !output_.broken();
  }

  void Tick() {
    std::lock_guard lock(mutex_);
    Redraw();
  }

  void Stopping() {
    std::lock_guard lock(mutex_);
    if (!fault_.id().empty()) output_.Text(StrCat(fault_.id(), " reverting on request"));
  }

 private:
  std::string PlainLine() const {
    std::string line = StrCat(fault_.id(), " ", Words(fault_.state()));
    if (fault_.state() == v1::FAULT_STATE_ACTIVE)
      StrAppend(&line, ", ", ShortDuration(Remaining()), " left");
    if (const std::string effect = EffectWords(fault_.effect()); !effect.empty())
      StrAppend(&line, ", ", effect);
    return line;
  }

  nanoseconds Remaining() const {
    const nanoseconds then = FromProto(fault_.lease().remaining());
    return std::max(nanoseconds::zero(), then - nanoseconds(steady_clock::now() - updated_));
  }

  void Redraw() {
    if (started_ && !IsOver(fault_))
      output_.Progress(ProgressLine(fault_, Remaining(), output_.style().width));
  }

  Output& output_;
  std::mutex mutex_;
  v1::Fault fault_;
  steady_clock::time_point updated_;
  bool started_ = false;
};

v1::HoldFaultRequest RequestFor(const Options& options, const Output& output) {
  v1::HoldFaultRequest request;
  *request.mutable_inject() = options.inject;
  if (options.grace) *request.mutable_grace() = ToProto(*options.grace);
  const nanoseconds plain = std::clamp<nanoseconds>(
      FromProto(options.inject.duration()) / kPlainLines, kShortestPlain, std::chrono::hours(1));
  *request.mutable_effect_interval() =
      ToProto(output.style().terminal ? nanoseconds(seconds(1)) : plain);
  return request;
}

// What the end of the stream means. `last` is the fault as it was seen last, if it was.
ExitCode Conclude(const v1::Fault& last, const grpc::Status& status, int stops, Client& client,
                  Output& output) {
  const std::string effect = EffectWords(last.effect());
  const std::string verdict = StrCat(FaultLine(last), effect.empty() ? "" : "; ", effect);
  switch (last.state()) {
    case v1::FAULT_STATE_UNSPECIFIED:  // never seen
      if (stops > 1) {
        output.Warn(
            "stopped without waiting; the daemon reverts what there is. See `faultctl list`");
        return ExitCode::kRevertIncomplete;
      }
      if (stops == 1 && (status.ok() || status.error_code() == grpc::StatusCode::ABORTED ||
                         status.error_code() == grpc::StatusCode::CANCELLED)) {
        output.Text("stopped before the fault was active; nothing is left of it");
        return ExitCode::kDone;
      }
      return output.Fail(client.Explain(status, Purpose::kInject));
    case v1::FAULT_STATE_REVERTED:
      if (stops > 0 || last.end_reason() == v1::END_REASON_LEASE_ENDED) {
        output.Text(verdict);
        return ExitCode::kDone;
      }
      output.Warn(StrCat("ended early: ", verdict));
      return ExitCode::kFaultFailed;
    case v1::FAULT_STATE_FAILED:
      if (!status.ok() && status.error_code() != grpc::StatusCode::ABORTED)
        return output.Fail(client.Explain(status, Purpose::kInject));
      output.Warn(verdict);
      return ExitCode::kFaultFailed;
    default:
      break;
  }
  if (stops > 0 || last.state() == v1::FAULT_STATE_REVERTING) {
    output.Warn(StrCat(last.id(), " was still being reverted when the connection ended (",
                       status.error_message(), "); see `faultctl get ", last.id(), "`"));
    return ExitCode::kRevertIncomplete;
  }
  output.Warn(
      StrCat("ended early: lost the daemon (", status.error_message(), ") while ", last.id(),
             " was ", Words(last.state()),
             client.remote()
                 ? "; when it lives it reverts the fault after its grace, else the guardian does"
                 : "; the guardian reverts it. See `faultctl doctor`"));
  return ExitCode::kFaultFailed;
}

}  // namespace

ExitCode Hold(const Options& options, Client& client, Output& output, int stop_fd) {
  grpc::ClientContext context;
  auto stream = client.faults().HoldFault(&context);
  stream->Write(RequestFor(options, output));  // when it fails, Finish says why

  HoldView view(output);
  std::atomic<int> stops = 0;
  const auto stop = [&] {
    // The first time ask for an orderly end and wait for it; then go at once.
    if (stops++ == 0) {
      view.Stopping();
      stream->WritesDone();
    } else {
      context.TryCancel();
    }
  };
  v1::Fault last;
  {
    StopWatcher watcher(stop_fd, output.style().terminal ? kTick : kTick * 0, stop,
                        [&] { view.Tick(); });
    v1::HoldFaultResponse response;
    while (stream->Read(&response)) {
      last = response.fault();
      // As a broken pipe ends other commands, it ends this one, and so the fault.
      if (!view.Update(last) && stops == 0) stop();
    }
  }
  return Conclude(last, stream->Finish(), stops, client, output);
}

}  // namespace faultd::ctl

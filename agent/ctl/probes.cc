#include <algorithm>
#include <map>

#include "base/strings.h"
#include "ctl/commands.h"
#include "ctl/probe_render.h"
#include "ctl/stop_watcher.h"

namespace faultd::ctl {
namespace {

using ProbeStub = v1::ProbeService::Stub;

constexpr int kMostResults = 60;  // as many as the daemon keeps

ExitCode List(Client& client, Output& output) {
  v1::ListProbesResponse response;
  if (auto failure = client.Call(client.probes(), &ProbeStub::ListProbes, v1::ListProbesRequest(),
                                 &response, Purpose::kRead)) {
    return output.Fail(*failure);
  }
  for (const v1::Probe& probe : response.probes()) output.Json(probe);
  output.Text(
      response.probes().empty()
          ? "no probes; they are [[probe]] in /etc/faultd/faultd.toml"
          : ProbeTable({response.probes().begin(), response.probes().end()}, output.style()));
  return ExitCode::kDone;
}

// The probes as the stream tells them, and how they are shown: the table, drawn anew, at a
// terminal, else a line per result.
class Watched {
 public:
  explicit Watched(Output& output) : output_(output) {}

  void Take(v1::WatchProbesResponse& event) {
    if (event.has_probe()) {
      Add(std::move(*event.mutable_probe()));
    } else if (event.has_result()) {
      Update(std::move(*event.mutable_result()));
    } else {
      complete_ = true;
    }
    if (complete_ && output_.style().terminal) output_.Redraw(ProbeTable(probes_, output_.style()));
  }

 private:
  void Add(v1::Probe probe) {
    if (!probe.results().empty()) Tell(*probe.results().rbegin(), probe.consecutive());
    places_[probe.name()] = probes_.size();
    probes_.push_back(std::move(probe));
  }

  void Update(v1::ProbeResult result) {
    const auto place = places_.find(result.probe());
    if (place == places_.end()) return;
    v1::Probe& probe = probes_[place->second];
    const auto state = result.up() ? v1::PROBE_STATE_UP : v1::PROBE_STATE_DOWN;
    probe.set_consecutive(probe.state() == state ? probe.consecutive() + 1 : 1);
    probe.set_state(state);
    if (probe.results().size() == kMostResults) probe.mutable_results()->DeleteSubrange(0, 1);
    Tell(result, probe.consecutive());
    *probe.add_results() = std::move(result);
  }

  void Tell(const v1::ProbeResult& result, uint32_t consecutive) {
    if (!output_.style().terminal) output_.Text(ResultLine(result, consecutive));
  }

  Output& output_;
  std::vector<v1::Probe> probes_;
  std::map<std::string, size_t> places_;  // in probes_, by name
  bool complete_ = false;
};

ExitCode WatchAll(Client& client, Output& output, int stop_fd) {
  grpc::ClientContext context;
  auto stream = client.probes().WatchProbes(&context, v1::WatchProbesRequest());
  {
    StopWatcher watcher(stop_fd, std::chrono::milliseconds(0), [&] { context.TryCancel(); }, [] {});
    Watched watched(output);
    v1::WatchProbesResponse event;
    while (!output.broken() && stream->Read(&event)) {
      if (!event.snapshot_done()) output.Json(event);
      watched.Take(event);
    }
    if (output.broken()) context.TryCancel();
  }
  const grpc::Status status = stream->Finish();
  // Cancelled by ourselves: nobody wants to see more.
  if (status.ok() || output.broken() || status.error_code() == grpc::StatusCode::CANCELLED)
    return ExitCode::kDone;
  return output.Fail(client.Explain(status, Purpose::kRead));
}

}  // namespace

ExitCode Probes(const Options& options, Client& client, Output& output, int stop_fd) {
  return options.watch ? WatchAll(client, output, stop_fd) : List(client, output);
}

}  // namespace faultd::ctl

#include "daemon/publishing.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "publish/emf_sink.h"
#include "publish/probe_metrics.h"

namespace faultd {

Publishing::Publishing(AsioLoop& loop, const Clock& clock, const AwsSession& aws,
                       PublishConfig config, const Place& place, Engine& engine)
    : loop_(loop), clock_(clock), config_(std::move(config)), place_(place), engine_(engine) {
  if (const auto& cloudwatch = config_.cloudwatch) {
    CloudWatchPublisher::Options options;
    options.interval = cloudwatch->interval;
    options.keep = cloudwatch->keep;
    options.file = place_.state_dir + "/cloudwatch-unsent";
    options.boot_id = place_.boot_id;
    cloudwatch_.emplace(loop_.context(), aws.api, aws.clock, options);
    AddChannel(std::make_unique<CloudWatchSink>(*cloudwatch_, cloudwatch->name_space,
                                                cloudwatch->high_resolution),
               cloudwatch->samples, "/cloudwatch-host", aws);
  }
  if (const auto& emf = config_.emf) {
    AddChannel(std::make_unique<EmfSink>(loop_.context(), clock_, emf->agent), emf->samples,
               "/emf-host", aws);
  }
}

Publishing::~Publishing() {
  if (page_watch_) engine_.Unwatch(*page_watch_);
}

void Publishing::AddChannel(std::unique_ptr<MetricSink> sink, const SampleConfig& config,
                            const std::string& file, const AwsSession& aws) {
  HostDimension::Options options;
  options.name = config.host;
  options.file = place_.state_dir + file;
  const auto find = [this, imds = aws.imds,
                     api = aws.api](std::function<void(StatusOr<InstanceName>)> done) {
    return FindInstanceName(loop_.context(), imds, api, std::move(done));
  };
  Channel& channel = channels_.emplace_back();
  channel.sink = std::move(sink);
  channel.host =
      std::make_unique<HostDimension>(loop_, clock_, *channel.sink, find, std::move(options));
  channel.faults = std::make_unique<FaultMetrics>(engine_, loop_, clock_, *channel.host);
  channel.latency = config.latency;
}

void Publishing::Start() {
  if (cloudwatch_) cloudwatch_->Start();
  for (const Channel& channel : channels_) channel.host->Start();
  if (config_.prometheus) StartPrometheus();
}

void Publishing::StartPrometheus() {
  for (const v1::Fault& fault : engine_.List(false)) page_.Note(fault, clock_.Now());
  page_watch_ = engine_.Watch([this](const v1::Fault& fault) { page_.Note(fault, clock_.Now()); });
  server_.emplace(loop_.context(), [this] {
    std::optional<CloudWatchPublisher::Statistics> statistics;
    if (cloudwatch_) statistics = cloudwatch_->statistics();
    return page_.Render(clock_.Now(), statistics);
  });
  Status status;
  if (config_.prometheus->path.empty()) {
    status = server_->Listen(config_.prometheus->address);
  } else {
    auto listener =
        UnixListener::Open(loop_, config_.prometheus->path, place_.socket_group,
                           [this](UniqueFd connection) { server_->Serve(std::move(connection)); });
    status = listener.status();
    if (listener.ok()) listener_ = *std::move(listener);
  }
  if (!status.ok()) {
    spdlog::error("no metrics for Prometheus (prometheus.listen): {}",
                  std::string(status.message()));
  }
}

void Publishing::Stop() {
  listener_.reset();
  server_.reset();
  if (!cloudwatch_) return;
  if (const Status status = cloudwatch_->Stop(); !status.ok()) {
    spdlog::warn("metrics that CloudWatch has not taken are lost: {}",
                 std::string(status.message()));
  }
}

void Publishing::Note(const ProbeHistory& history) {
  for (const Channel& channel : channels_) AddProbeMetrics(history, channel.latency, *channel.host);
  if (config_.prometheus) page_.Note(history);
}

}  // namespace faultd

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aws/session.h"
#include "daemon/asio_loop.h"
#include "daemon/publish_config.h"
#include "daemon/unix_listener.h"
#include "engine/engine.h"
#include "probe/probes.h"
#include "publish/cloudwatch_sink.h"
#include "publish/fault_metrics.h"
#include "publish/host_dimension.h"
#include "publish/metrics_page.h"
#include "publish/metrics_server.h"

namespace faultd {

// Publishes what probes see and what faults there are to wherever the configuration says. Nothing
// waits for it, and nothing else depends on it: what it cannot do it logs.
class Publishing {
 public:
  struct Place {
    std::string state_dir;
    std::string socket_group;  // of Prometheus' socket, if that is one
    std::string boot_id;
  };

  // `loop`, `clock` and `engine` must outlive it.
  Publishing(AsioLoop& loop, const Clock& clock, const AwsSession& aws, PublishConfig config,
             const Place& place, Engine& engine);
  ~Publishing();

  void Start();
  // To be called when all faults are reverted, so that their ends are told: keeps in a file what
  // has not been sent.
  void Stop();

  // After every result of a probe.
  void Note(const ProbeHistory& history);

 private:
  // The way of samples to one sink.
  struct Channel {
    std::unique_ptr<MetricSink> sink;
    std::unique_ptr<HostDimension> host;
    std::unique_ptr<FaultMetrics> faults;
    bool latency = false;
  };
  void AddChannel(std::unique_ptr<MetricSink> sink, const SampleConfig& config,
                  const std::string& file, const AwsSession& aws);
  void StartPrometheus();

  AsioLoop& loop_;
  const Clock& clock_;
  const PublishConfig config_;
  const Place place_;
  Engine& engine_;
  std::optional<CloudWatchPublisher> cloudwatch_;
  std::vector<Channel> channels_;
  MetricsPage page_;
  std::optional<Engine::WatchId> page_watch_;
  std::optional<MetricsServer> server_;
  std::unique_ptr<UnixListener> listener_;
};

}  // namespace faultd

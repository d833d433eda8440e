#include "publish/probe_metrics.h"

#include <chrono>

namespace faultd {

void AddProbeMetrics(const ProbeHistory& history, bool latency, MetricSink& sink) {
  if (!history.known()) return;
  const ProbeResult& result = history.results.back();
  MetricSample sample;
  sample.series.name = history.config.name;
  sample.value = result.up ? 1 : 0;
  sample.time = result.begun;
  sink.Add(sample);
  // How long a failure took says more of the probe's timeout than of the dependency.
  if (!latency || !result.up) return;
  sample.series.name += "-latency";
  sample.series.unit = "Milliseconds";
  sample.value = std::chrono::duration<double, std::milli>(result.latency).count();
  sink.Add(sample);
}

}  // namespace faultd

#pragma once

#include "probe/probes.h"
#include "publish/metric_sink.h"

namespace faultd {

// The newest result of a probe as samples: 1 or 0 under the probe's name, in the unit that
// `aws cloudwatch put-metric-data` writes when it is given none; with `latency` also the time an
// answer took, as "<name>-latency" in Milliseconds.
void AddProbeMetrics(const ProbeHistory& history, bool latency, MetricSink& sink);

}  // namespace faultd

#pragma once

#include "aws/metric.h"

namespace faultd {

// Where samples go.
class MetricSink {
 public:
  virtual ~MetricSink() = default;

  // Never waits for anything. Name space and resolution of the series are for the sink to set.
  virtual void Add(MetricSample sample) = 0;
};

}  // namespace faultd

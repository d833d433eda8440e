#pragma once

#include <chrono>
#include <string>

#include "aws/metric.h"

namespace faultd {

// A sample as a line in CloudWatch's embedded metric format, with the newline at its end. The
// series must be Sanitised. No `log_group`: the CloudWatch agent's default.
std::string EmfEvent(const MetricSample& sample, std::chrono::nanoseconds since_epoch,
                     const std::string& log_group);

}  // namespace faultd

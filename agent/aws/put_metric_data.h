#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "aws/api_call.h"
#include "aws/metric_buffer.h"

namespace faultd {

// Limits of one PutMetricData request, with some room.
constexpr size_t kMostDatums = 1000;
constexpr size_t kMostBodyBytes = 900'000;
constexpr size_t kMostValues = 150;  // of one member; a datum with more takes several

// Begin of a datum's period as CloudWatch is told it: `wall` is the time of its start by the clock
// that is believed now, which rounds to the period it was meant for.
std::chrono::nanoseconds DatumTime(std::chrono::nanoseconds wall, int resolution_s);

// The request for `datums`, all of one name space. Stops before the limits: `used` is how many of
// the datums it has, at least 1.
ApiRequest PutMetricDataRequest(const MetricBuffer& buffer, const std::vector<MetricDatum>& datums,
                                const SkewedClock& clock, size_t* used);

}  // namespace faultd

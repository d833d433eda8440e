#pragma once

#include "faultd/v1/probe.pb.h"
#include "probe/probes.h"

// What the API says about probes.
namespace faultd {

// With all results there are.
v1::Probe DescribeProbe(const ProbeHistory& history);
// The last result; there must be one.
v1::ProbeResult DescribeLastResult(const ProbeHistory& history);

}  // namespace faultd

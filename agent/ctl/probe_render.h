#pragma once

#include <string>
#include <vector>

#include "ctl/output.h"
#include "faultd/v1/probe_service.pb.h"

// What people see of probes. Nothing here ends in a newline.
namespace faultd::ctl {

// "840us", "1.2ms", "5s": three digits that matter at most.
std::string LatencyWords(const google::protobuf::Duration& latency);

// The last results, oldest first, one column each: a success as a block that grows by one step each
// time the latency doubles from the smallest, a failure as a cross. Without UTF-8 (and so in files)
// digits from 1 to 8 and "x".
std::string Sparkline(const v1::Probe& probe, const Output::Style& style);

// The table of all, with the last error of those that are down.
std::string ProbeTable(const std::vector<v1::Probe>& probes, const Output::Style& style);

// "04:05:06 db-connectivity down, 3 in a row, 5s: connect to …".
std::string ResultLine(const v1::ProbeResult& result, uint32_t consecutive);

}  // namespace faultd::ctl

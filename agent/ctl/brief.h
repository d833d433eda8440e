#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "faultd/v1/fault.pb.h"

// Results for logs that keep little of them, as SSM Run Command does (2,500 characters): one line
// of JSON, with long texts cut.
namespace faultd::ctl {

// {"id":"my-1","state":"ACTIVE","summary":"…","deadline":"2026-02-03T04:05:06Z"}; once it is over,
// or being reverted, `end_reason` and `effect` instead of the deadline, and `error` where there is
// one.
std::string BriefFault(const v1::Fault& fault);

// How many, in total and by state, e.g. {"faults":3,"active":2,"reverting":1}, and lines of
// BriefFault below it for as many as there is room for.
std::string BriefFaults(const std::vector<v1::Fault>& faults);

// {"error":"…"}
std::string BriefError(std::string_view message);

}  // namespace faultd::ctl

#pragma once

#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include "faultd/v1/agent_service.pb.h"
#include "faultd/v1/fault_service.pb.h"

// What people see. Nothing here ends in a newline.
namespace faultd::ctl {

// "4m59s", "0s"; whole seconds, rounded up, and milliseconds below one.
std::string ShortDuration(std::chrono::nanoseconds duration);

// "2026-02-03 04:05:06 UTC".
std::string FormatTime(const google::protobuf::Timestamp& time);
// "04:05:06", UTC.
std::string FormatClock(time_t seconds);

// "active", "lease ended": the name of a value of an enum, without the prefix of its type.
std::string Words(v1::FaultState state);
std::string Words(v1::EndReason reason);

bool IsOver(const v1::Fault& fault);

// "1,234 packets matched, 1.2 MB matched, 1,230 packets delayed": the first number and all that
// are not zero. Empty where there is nothing to say. Works for every kind: the names of the fields
// are the words.
std::string EffectWords(const v1::Effect& effect);

// One line: id, state, what is left or why it ended, summary.
std::string FaultLine(const v1::Fault& fault);

// Everything about a fault.
std::string FaultDetails(const v1::Fault& fault);

std::string FaultTable(const std::vector<v1::Fault>& faults);

// What a dry run says.
std::string PlanText(const v1::PlanFaultResponse& plan);

// The doctor's report; its first line is the verdict.
std::string AgentReport(const v1::Agent& agent);

// "the safety lever is engaged since … by …: …", or that it is not.
std::string LeverText(const v1::SafetyLever& lever);

// "my-1 [#########---------] 1m23s left · 1,234 packets matched", at most `width` characters.
std::string ProgressLine(const v1::Fault& fault, std::chrono::nanoseconds remaining, size_t width);

}  // namespace faultd::ctl

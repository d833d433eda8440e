#pragma once

#include <chrono>
#include <string>

#include "base/status.h"
#include "faultd/v1/fault_service.pb.h"
#include "faults/fault_kind.h"

namespace faultd {

inline constexpr std::chrono::milliseconds kShortestLease{100};
// What no policy can go beyond.
inline constexpr std::chrono::hours kLongestLease{7 * 24};

// FieldError when a request is malformed or out of range; nothing is looked up on the host.
Status ValidateInject(const v1::InjectFaultRequest& request);
Status ValidateSpec(const v1::FaultSpec& spec);
Status ValidateLease(bool present, const google::protobuf::Duration& duration);
// An id as clients choose it.
Status ValidateId(const std::string& id);

// An id of the daemon's choice: a word for the kind and random digits, "latency-k3v9x2".
std::string MakeId(const FaultKind& kind);

}  // namespace faultd

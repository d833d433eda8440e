#pragma once

#include <chrono>
#include <string>

#include "base/status.h"
#include "faultd/v1/fault_service.pb.h"
#include "faults/fault_kind.h"

namespace faultd {

// What the host's configuration says about all faults.
struct Limits {
  std::chrono::nanoseconds max_lease = std::chrono::hours(12);
  size_t max_active_faults = 1000;
  // How often names in faults are looked up again, and for how long an address that a name has no
  // longer is still treated as its own.
  std::chrono::nanoseconds resolve_interval = std::chrono::seconds(15);
  std::chrono::nanoseconds resolve_grace = std::chrono::seconds(60);
};

inline constexpr std::chrono::milliseconds kShortestLease{100};

// FieldError when a request is malformed or out of range; nothing is looked up on the host.
Status ValidateInject(const v1::InjectFaultRequest& request, const Limits& limits);
Status ValidateSpec(const v1::FaultSpec& spec);
Status ValidateLease(bool present, const google::protobuf::Duration& duration,
                     const Limits& limits);
// An id as clients choose it.
Status ValidateId(const std::string& id);

// An id of the daemon's choice: a word for the kind and random digits, "latency-k3v9x2".
std::string MakeId(const FaultKind& kind);

}  // namespace faultd

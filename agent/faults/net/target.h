#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "faultd/v1/network.pb.h"
#include "faults/fault_kind.h"
#include "faults/net/traffic.h"

namespace faultd {

// FieldError when the target is empty, contradicts itself or is out of range; paths begin with
// `path`.
Status ValidateTarget(const v1::NetworkTarget& target, std::string_view path);

// Names in a valid target that stand for addresses, each once.
std::vector<std::string> NamesIn(const v1::NetworkTarget& target);

// The packets that a valid target means, seen from one direction (the far end is the far end in
// both). FAILED_PRECONDITION when a name has no addresses in `names`.
StatusOr<TrafficSet> TrafficOf(const v1::NetworkTarget& target, const ResolvedNames& names);

// "10.0.0.0/8:5432/tcp", "[2001:db8::5]:443", "db.example.com".
std::string Describe(const v1::Endpoint& endpoint);
// The `to` part in a few words: "10.0.0.0/8:5432/tcp and 3 more", "all traffic".
std::string Describe(const v1::NetworkTarget& target);

std::vector<Direction> DirectionsOf(const v1::NetworkTarget& target);

}  // namespace faultd

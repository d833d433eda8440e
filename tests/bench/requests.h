#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "faultd/v1/fault_service.pb.h"

namespace faultd::bench {

// The network interface that faults are injected on.
inline constexpr char kInterface[] = "up0";

// For leases that end while somebody looks. Its record can be read before, on a busy machine too.
inline constexpr std::chrono::milliseconds kShortLease{300};

// A blackhole for these CIDRs, on kInterface, outgoing.
v1::InjectFaultRequest BlackholeRequest(const std::string& id, const std::vector<std::string>& to,
                                        std::chrono::nanoseconds lease);
// The same with a tenth of the packets lost.
v1::InjectFaultRequest LossRequest(const std::string& id, const std::vector<std::string>& to,
                                   std::chrono::nanoseconds lease);
// Any fault: the spec in protobuf's text format.
v1::InjectFaultRequest TextRequest(const std::string& id, const std::string& spec,
                                   std::chrono::nanoseconds lease = std::chrono::minutes(10));

// `count` CIDRs that nobody is behind and that do not touch each other, from number `first` on.
std::vector<std::string> Cidrs(int count, int first = 0);

}  // namespace faultd::bench

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "faultd/v1/fault.pb.h"
#include "faultd/v1/fault_service.pb.h"

namespace faultd {

// A valid spec of a kind of fault that uses much of what the kind can do; nothing for a kind that
// has no line in sample_specs.cc yet (the contract test fails then).
std::optional<v1::FaultSpec> SampleSpec(std::string_view kind);

// From the text format of protobuf; throws when it is malformed.
v1::FaultSpec SpecFromText(const std::string& text);

// A request with a lease of a minute.
v1::InjectFaultRequest RequestFor(const std::string& id, v1::FaultSpec spec);
v1::InjectFaultRequest RequestFor(const std::string& id, const std::string& spec_text);

}  // namespace faultd

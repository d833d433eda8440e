#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "faultd/v1/fault.pb.h"
#include "faults/fault_kind.h"

namespace faultd {

// Logs "fault <id>: <text>", and for those who look for it by fault, kind, state or actor.
template <typename... Args>
void LogFault(spdlog::level::level_enum level, const v1::Fault& fault,
              fmt::format_string<Args...> text, Args&&... args) {
  constexpr std::string_view kPrefix = "FAULT_STATE_";
  const FaultKind* kind = KindOf(fault.spec());
  const LogSubject subject{.fault_id = fault.id(),
                           .kind = std::string(kind == nullptr ? "" : kind->name),
                           .state = v1::FaultState_Name(fault.state()).substr(kPrefix.size()),
                           .actor = fault.actor()};
  const LogAbout about(subject);
  spdlog::log(level, "fault {}: {}", fault.id(), fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace faultd

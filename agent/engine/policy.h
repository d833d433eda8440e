#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/time_window.h"
#include "faults/fault_policy.h"

namespace faultd {

// What the owner of the host allows to those who make faults on it. Nobody can change it over the
// API. Names of rules are the keys of policy.toml, such as "faults.max_lease".
struct Policy {
  bool dry_run_only = false;
  std::optional<std::vector<std::string>> kinds;  // absent: all
  std::chrono::nanoseconds max_lease = std::chrono::hours(12);
  std::chrono::nanoseconds max_lease_all_traffic = std::chrono::minutes(5);
  size_t max_active = 1000;
  std::map<std::string, size_t> max_active_per_kind;
  std::vector<TimeWindow> windows;  // empty: always
  NetworkPolicy network;
  StressPolicy stress;
};

// Whether faults of this kind are allowed at all.
bool AllowsKind(const Policy& policy, std::string_view kind);

// What a request wants, as far as rules for all kinds look at it.
struct Wish {
  std::string_view kind;
  std::optional<std::chrono::nanoseconds> lease;  // absent in plans without one
  bool all_traffic = false;                       // FaultPlan::all_traffic, once that is known
};

// Status of a wish that would be fulfilled at this wall-clock time: DeniedError names the rule, its
// value and what to ask for. A lease must end within the windows, too. Does not look at
// dry_run_only.
Status CheckWish(const Policy& policy, const Wish& wish, std::chrono::nanoseconds wall_now);

// DeniedError when no fault may be made or prolonged at all.
Status CheckDryRunOnly(const Policy& policy);

// DeniedError when there is no room for another fault of this kind beside those that are active.
Status CheckRoom(const Policy& policy, std::string_view kind, size_t active, size_t active_of_kind);

}  // namespace faultd

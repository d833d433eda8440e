#include "engine/policy.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "base/units.h"

namespace faultd {
namespace {

using std::chrono::nanoseconds;

Status CheckKind(const Policy& policy, std::string_view kind) {
  if (AllowsKind(policy, kind)) return absl::OkStatus();
  return DeniedError(
      "faults.kinds",
      StrCat("faults of kind ", kind, " are not allowed on this host (rule faults.kinds: ",
             policy.kinds->empty() ? "none" : absl::StrJoin(*policy.kinds, ", "), "); ",
             policy.kinds->empty() ? "use another host" : "use one of these kinds"));
}

Status CheckLease(nanoseconds lease, nanoseconds most, std::string_view rule, std::string_view what,
                  std::string_view remedy) {
  if (lease <= most) return absl::OkStatus();
  return DeniedError(
      rule, StrCat("duration: ", FormatDuration(lease), " is longer than this host allows", what,
                   " (rule ", rule, ": ", FormatDuration(most), "); ask for ", FormatDuration(most),
                   " at most", remedy));
}

Status CheckWindows(const std::vector<TimeWindow>& windows, nanoseconds lease,
                    nanoseconds wall_now) {
  constexpr char kRule[] = "faults.windows";
  if (windows.empty()) return absl::OkStatus();
  const absl::Time now = absl::FromUnixNanos(wall_now.count());
  const absl::Time end = now + absl::FromChrono(lease);
  const auto until = OpenUntil(windows, now, end);
  if (until && *until >= end) return absl::OkStatus();
  const std::string rule = StrCat(
      "(rule ", kRule, ": ",
      absl::StrJoin(windows, ", ",
                    [](std::string* out, const TimeWindow& window) { *out += window.text(); }),
      ")");
  if (!until) {
    return DeniedError(kRule, StrCat("this is not a time at which this host allows faults ", rule,
                                     "; try again then"));
  }
  const auto left =
      std::chrono::floor<std::chrono::seconds>(absl::ToChronoNanoseconds(*until - now));
  return DeniedError(kRule, StrCat("duration: ", FormatDuration(lease),
                                   " goes on after the time at which this host allows faults ",
                                   rule, "; ask for ", FormatDuration(left), " at most"));
}

}  // namespace

bool AllowsKind(const Policy& policy, std::string_view kind) {
  return !policy.kinds ||
         std::find(policy.kinds->begin(), policy.kinds->end(), kind) != policy.kinds->end();
}

Status CheckWish(const Policy& policy, const Wish& wish, nanoseconds wall_now) {
  RETURN_IF_ERROR(CheckKind(policy, wish.kind));
  const nanoseconds lease = wish.lease.value_or(nanoseconds::zero());
  RETURN_IF_ERROR(CheckLease(lease, policy.max_lease, "faults.max_lease", "", ""));
  if (wish.all_traffic) {
    RETURN_IF_ERROR(CheckLease(lease, policy.max_lease_all_traffic, "faults.max_lease_all_traffic",
                               " for all traffic", ", or name the endpoints to hit"));
  }
  return CheckWindows(policy.windows, lease, wall_now);
}

Status CheckDryRunOnly(const Policy& policy) {
  if (!policy.dry_run_only) return absl::OkStatus();
  return DeniedError(
      "faults.dry_run_only",
      "this host plans faults and makes none (rule faults.dry_run_only: true); ask for "
      "a dry run");
}

Status CheckRoom(const Policy& policy, std::string_view kind, size_t active,
                 size_t active_of_kind) {
  if (active >= policy.max_active) {
    return DeniedError("faults.max_active",
                       StrCat("there are ", active,
                              " active faults, as many as this host allows (rule "
                              "faults.max_active: ",
                              policy.max_active, "); revert some of them first"));
  }
  const auto most = policy.max_active_per_kind.find(std::string(kind));
  if (most == policy.max_active_per_kind.end() || active_of_kind < most->second)
    return absl::OkStatus();
  return DeniedError("faults.max_active_per_kind",
                     StrCat("of kind ", kind, " there are ", active_of_kind,
                            " active faults, as many as this host allows "
                            "(rule faults.max_active_per_kind: ",
                            kind, " = ", most->second, "); revert some of them first"));
}

}  // namespace faultd

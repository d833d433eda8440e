#include "faults/stress/stress_fault.h"

#include "base/proto_status.h"
#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"

namespace faultd {
namespace {

// The newest report; nullopt before the first. The error is that of the process, or how it ended.
StatusOr<std::optional<v1::Effect>> NewestEffect(const std::string& id, Host& host) {
  ASSIGN_OR_RETURN(const std::optional<std::string> packet, host.kernel.stress().Report(id));
  if (!packet) return std::nullopt;
  v1::StressReport report;
  if (!report.ParseFromString(*packet))
    return absl::DataLossError("its stress process sent a malformed report");
  if (report.has_error()) return FromProto(report.error());
  return report.effect();
}

}  // namespace

StatusOr<FaultPlan> AddStressProcess(StatusOr<FaultPlan> plan, const StressFiles& files, Host& host,
                                     v1::StressUndo& undo) {
  RETURN_IF_ERROR(plan.status());
  ASSIGN_OR_RETURN(*undo.mutable_cgroup_parent(), host.kernel.stress().CgroupParent());
  undo.set_path(files.path);
  undo.set_mount_point(files.mount_point);
  plan->changes.push_back(
      undo.cgroup_parent().empty()
          ? "start a stress process"
          : StrCat("start a stress process in a cgroup of its own below ", undo.cgroup_parent()));
  return plan;
}

Status StartStress(const std::string& id, const StatusOr<v1::StressOrder>& order,
                   const v1::StressUndo& undo, Host& host) {
  RETURN_IF_ERROR(order.status());
  return host.kernel.stress().Start(id, undo.cgroup_parent(), order->SerializeAsString());
}

StatusOr<std::optional<std::string>> SeeStress(const std::string& id, Host& host) {
  ASSIGN_OR_RETURN(const auto effect, NewestEffect(id, host));
  if (!effect) return std::nullopt;
  return "its stress process reports";
}

StatusOr<bool> RevertStress(const std::string& id, const v1::StressUndo& undo, Host& host) {
  ASSIGN_OR_RETURN(const bool ended, host.kernel.stress().End(id, undo.cgroup_parent()));
  if (!ended || undo.path().empty()) return ended;
  return host.kernel.stress().RemoveFiles(id, {undo.path(), undo.mount_point()});
}

StatusOr<v1::Effect> ObserveStress(const std::string& id, Host& host) {
  auto effect = NewestEffect(id, host);
  // Whatever it says: the load is over.
  if (!effect.ok()) return absl::DataLossError(effect.status().message());
  if (!*effect) return absl::UnavailableError("its stress process has not reported yet");
  return **std::move(effect);
}

Status ValidateRamp(const google::protobuf::Duration& ramp, std::string_view path) {
  const std::chrono::nanoseconds value = FromProto(ramp);
  if (value.count() < 0 || value > std::chrono::hours(12)) {
    return FieldError(path, StrCat(FormatDuration(value), " is out of range; write 0s to 12h"));
  }
  return absl::OkStatus();
}

Status ValidateShare(double percent, std::string_view path) {
  if (percent > 0 && percent <= 100) return absl::OkStatus();
  return FieldError(path, StrCat(percent, " is out of range; write above 0 to 100"));
}

Status CheckAtMost(std::string_view field, double percent, std::string_view rule, double most) {
  constexpr double kRounding = 1e-6;
  if (percent <= most + kRounding) return absl::OkStatus();
  return DeniedError(
      rule, StrCat(field, ": ", percent, "% is more than this host's policy allows (rule ", rule,
                   ": ", most, "%); ask for ", most, "% at most"));
}

double Percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 100 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

Status ValidatePath(const std::string& path, std::string_view field) {
  constexpr size_t kLongest = 4000;
  if (path.empty() || path.front() != '/' || path.size() > kLongest ||
      path.find('\0') != std::string::npos) {
    return FieldError(field, StrCat("\"", path.substr(0, 80),
                                    "\" is not an absolute path; name a directory, e.g. /var/tmp"));
  }
  return absl::OkStatus();
}

}  // namespace faultd

// CPU stress: cores are kept busy by threads of a stress process.
#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"
#include "faults/stress/core_list.h"
#include "faults/stress/stress_fault.h"

namespace faultd {
namespace {

Status Validate(const v1::CpuStress& cpu) {
  if (!(cpu.load_percent() >= 1 && cpu.load_percent() <= 100)) {
    return FieldError("spec.cpu.load_percent",
                      StrCat(cpu.load_percent(), " is out of range; write 1 to 100"));
  }
  if (cpu.cores_case() == v1::CpuStress::kCoreCount && cpu.core_count() == 0) {
    return FieldError("spec.cpu.core_count",
                      "is 0; write how many cores to load, or leave it out for all");
  }
  if (cpu.cores_case() == v1::CpuStress::kCoreList) {
    if (auto cores = ParseCoreList(cpu.core_list()); !cores.ok())
      return FieldError("spec.cpu.core_list", ToStd(cores.status().message()));
  }
  if (cpu.has_mode() &&
      (cpu.mode() == v1::CPU_MODE_UNSPECIFIED || !v1::CpuMode_IsValid(cpu.mode()))) {
    return FieldError("spec.cpu.mode",
                      StrCat(static_cast<int>(cpu.mode()),
                             " is not a mode; take CPU_MODE_ADD or CPU_MODE_TOTAL, or leave it out "
                             "for add"));
  }
  if (cpu.has_priority() && (cpu.priority() == v1::CPU_PRIORITY_UNSPECIFIED ||
                             !v1::CpuPriority_IsValid(cpu.priority()))) {
    return FieldError("spec.cpu.priority",
                      StrCat(static_cast<int>(cpu.priority()),
                             " is not a priority; take CPU_PRIORITY_NORMAL or CPU_PRIORITY_IDLE, "
                             "or leave it out for normal"));
  }
  return ValidateRamp(cpu.ramp(), "spec.cpu.ramp");
}

StatusOr<std::vector<int>> CoresFor(const v1::CpuStress& cpu, Host& host) {
  ASSIGN_OR_RETURN(std::vector<int> usable, host.kernel.machine().UsableCores());
  switch (cpu.cores_case()) {
    case v1::CpuStress::kCoreCount:
      if (cpu.core_count() > usable.size()) {
        return FieldError("spec.cpu.core_count",
                          StrCat(cpu.core_count(), " is more than there are; faultd may use ",
                                 usable.size(), " here (", FormatCoreList(usable), ")"));
      }
      usable.resize(cpu.core_count());
      return usable;
    case v1::CpuStress::kCoreList: {
      ASSIGN_OR_RETURN(std::vector<int> wanted, ParseCoreList(cpu.core_list()));
      for (int core : wanted) {
        if (std::find(usable.begin(), usable.end(), core) == usable.end()) {
          return FieldError("spec.cpu.core_list",
                            StrCat("core ", core, " is not there to be used; faultd may use ",
                                   FormatCoreList(usable), " here"));
        }
      }
      return wanted;
    }
    case v1::CpuStress::CORES_NOT_SET:
      break;
  }
  return usable;
}

StatusOr<FaultPlan> Plan(const v1::CpuStress& cpu, Host& host, StressFiles&) {
  ASSIGN_OR_RETURN(const std::vector<int> cores, CoresFor(cpu, host));
  ASSIGN_OR_RETURN(const std::vector<int> usable, host.kernel.machine().UsableCores());
  const StressPolicy& policy = host.stress_policy;
  RETURN_IF_ERROR(CheckAtMost("spec.cpu.load_percent", cpu.load_percent(),
                              "stress.max_cpu_load_percent", policy.max_cpu_load_percent));
  RETURN_IF_ERROR(CheckAtMost("spec.cpu.cores", Percent(cores.size(), usable.size()),
                              "stress.max_cpu_cores_percent", policy.max_cpu_cores_percent));
  ASSIGN_OR_RETURN(const double quota, host.kernel.machine().CpuQuota());
  FaultPlan plan;
  const bool total = cpu.mode() == v1::CPU_MODE_TOTAL;
  plan.summary = StrCat("cpu ", cpu.load_percent(), "% ", total ? "in total on " : "on ",
                        cores.size() == 1 ? "core " : "cores ", FormatCoreList(cores));
  if (cpu.priority() == v1::CPU_PRIORITY_IDLE) plan.summary += ", only what nobody else wants";
  if (cpu.has_ramp() && FromProto(cpu.ramp()).count() > 0)
    plan.summary += StrCat(", growing over ", FormatDuration(FromProto(cpu.ramp())));
  const double wanted = cpu.load_percent() / 100 * static_cast<double>(cores.size());
  if (quota > 0 && wanted > quota) {
    plan.warnings.push_back(StrCat("the CPU quota of faultd's cgroup allows ", quota,
                                   " cores' worth of time, less than the ", wanted,
                                   " asked for; raise CPUQuota= of its unit"));
  }
  plan.changes.push_back(
      StrCat("run ", cores.size(), " threads, pinned to the cores ", FormatCoreList(cores)));
  return plan;
}

StatusOr<v1::StressOrder> OrderFor(const std::string&, const v1::CpuStress& cpu,
                                   const v1::StressUndo&, Host& host) {
  ASSIGN_OR_RETURN(const std::vector<int> cores, CoresFor(cpu, host));
  v1::StressOrder order;
  *order.mutable_cpu()->mutable_spec() = cpu;
  for (int core : cores) order.mutable_cpu()->add_cores(static_cast<uint32_t>(core));
  return order;
}

Capability Report(Host& host) {
  const auto cores = host.kernel.machine().UsableCores();
  if (!cores.ok())
    return {CapabilityState::kUnavailable, std::string(cores.status().message()), ""};
  return {CapabilityState::kAvailable, StrCat("may use the cores ", FormatCoreList(*cores)), ""};
}

}  // namespace

DEFINE_STRESS_FAULT(cpu, false, nullptr);

}  // namespace faultd

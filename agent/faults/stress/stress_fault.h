#pragma once

#include <string>

#include "faultd/v1/stress.pb.h"
#include "faultd/v1/stress_process.pb.h"
#include "faults/fault_kind.h"

// What all kinds of stress have in common: a process for each fault. A kind adds what it is told.
namespace faultd {

// Adds to a plan, and to its undo, where the process is to be, and where it may leave files.
StatusOr<FaultPlan> AddStressProcess(StatusOr<FaultPlan> plan, const StressFiles& files, Host& host,
                                     v1::StressUndo& undo);

Status StartStress(const std::string& id, const StatusOr<v1::StressOrder>& order,
                   const v1::StressUndo& undo, Host& host);
StatusOr<std::optional<std::string>> SeeStress(const std::string& id, Host& host);
StatusOr<bool> RevertStress(const std::string& id, const v1::StressUndo& undo, Host& host);
StatusOr<v1::Effect> ObserveStress(const std::string& id, Host& host);

// FieldError unless this is a duration of 0 to 12 h.
Status ValidateRamp(const google::protobuf::Duration& ramp, std::string_view path);
// FieldError unless this is above 0 to 100.
Status ValidateShare(double percent, std::string_view path);
// FieldError unless this is a path that a directory can have.
Status ValidatePath(const std::string& path, std::string_view field);

// DeniedError when `percent` of the field is more than a rule of the host's policy allows.
Status CheckAtMost(std::string_view field, double percent, std::string_view rule, double most);
double Percent(uint64_t part, uint64_t whole);

// DEFINE_STRESS_FAULT(arm, reboot, surveyor): the FaultKind for one arm of FaultSpec, Undo and
// Effect, made of functions on the arm's message: `Status Validate(…)`, `StatusOr<FaultPlan>
// Plan(…, Host&, files)`, which sets all but the undo, and in `files` where files may be left,
// `StatusOr<v1::StressOrder> OrderFor(id, …, undo, Host&)`, and `Capability Report(Host&)`.
// `reboot`: whether it may leave files with names. `surveyor`: a FaultKind::survey.
#define DEFINE_STRESS_FAULT(arm, reboot, surveyor)                                               \
  extern const FaultKind arm##_fault;                                                            \
  const FaultKind arm##_fault = {                                                                \
      .name = #arm,                                                                              \
      .survives_reboot = reboot,                                                                 \
      .observe_interval = std::chrono::seconds(1),                                               \
      .validate = [](const v1::FaultSpec& spec) { return Validate(spec.arm()); },                \
      .names = [](const v1::FaultSpec&) { return std::vector<std::string>(); },                  \
      .survey = surveyor,                                                                        \
      .plan =                                                                                    \
          [](const v1::FaultSpec& spec, const ResolvedNames&, Host& host) {                      \
            StressFiles files;                                                                   \
            v1::Undo undo;                                                                       \
            auto wanted = Plan(spec.arm(), host, files);                                         \
            auto plan = AddStressProcess(std::move(wanted), files, host, *undo.mutable_##arm()); \
            if (plan.ok()) plan->undo = std::move(undo);                                         \
            return plan;                                                                         \
          },                                                                                     \
      .inject = [](const std::string& id, const v1::FaultSpec& spec, const v1::Undo& undo,       \
                   Host& host) -> StatusOr<std::optional<std::string>> {                         \
        /* What it is told depends on the host as it was before. */                              \
        if (!host.kernel.stress().Started(id)) {                                                 \
          RETURN_IF_ERROR(                                                                       \
              StartStress(id, OrderFor(id, spec.arm(), undo.arm(), host), undo.arm(), host));    \
        }                                                                                        \
        return SeeStress(id, host);                                                              \
      },                                                                                         \
      .revert = [](const std::string& id, const v1::Undo& undo,                                  \
                   Host& host) { return RevertStress(id, undo.arm(), host); },                   \
      .observe = ObserveStress,                                                                  \
      .capability = Report,                                                                      \
  }

}  // namespace faultd

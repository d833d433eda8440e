// A fault that does nothing: for trying out leases, and the example to copy when adding a kind.
#include "base/strings.h"
#include "faults/fault_kind.h"

namespace faultd {
namespace {

Status Validate(const v1::FaultSpec& spec) {
  constexpr size_t kLongestNote = 256;
  if (spec.noop().note().size() > kLongestNote) {
    return FieldError("spec.noop.note", StrCat("is ", spec.noop().note().size(),
                                               " bytes long; write at most ", kLongestNote));
  }
  return absl::OkStatus();
}

std::vector<std::string> Names(const v1::FaultSpec&) { return {}; }

StatusOr<FaultPlan> Plan(const v1::FaultSpec& spec, const ResolvedNames&, Host&) {
  FaultPlan plan;
  plan.undo.mutable_noop();
  plan.summary = spec.noop().note().empty() ? "noop" : StrCat("noop: ", spec.noop().note());
  return plan;
}

StatusOr<std::optional<std::string>> Inject(const std::string&, const v1::FaultSpec&,
                                            const v1::Undo&, Host&) {
  return "nothing to see";
}

StatusOr<bool> Revert(const std::string&, const v1::Undo&, Host&) { return true; }

StatusOr<v1::Effect> Observe(const std::string&, Host&) {
  v1::Effect effect;
  effect.mutable_noop();
  return effect;
}

Capability Report(Host&) { return {CapabilityState::kAvailable, "needs nothing", ""}; }

}  // namespace

extern const FaultKind noop_fault;
const FaultKind noop_fault = {
    .name = "noop",
    .survives_reboot = false,
    .observe_interval = std::chrono::seconds(5),
    .validate = Validate,
    .names = Names,
    .plan = Plan,
    .inject = Inject,
    .revert = Revert,
    .observe = Observe,
    .capability = Report,
};

}  // namespace faultd

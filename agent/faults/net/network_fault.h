#pragma once

#include <string>

#include "faultd/v1/network.pb.h"
#include "faults/fault_kind.h"
#include "faults/net/compiler.h"
#include "faults/net/target.h"

// What all kinds of network fault have in common; a kind adds what it does to a packet.
namespace faultd {

// Plan of a fault with this target, whose path in the request is given: finds the interfaces,
// checks that something is left to hit. `words` is what it does ("latency 100ms").
StatusOr<FaultPlan> PlanNetworkFault(const v1::NetworkTarget& target, std::string_view target_path,
                                     const PacketEffect& effect, const std::string& words,
                                     const ResolvedNames& names, Host& host, v1::NetworkUndo& undo);

StatusOr<std::optional<std::string>> InjectNetworkFault(const std::string& id,
                                                        const v1::NetworkTarget& target,
                                                        const PacketEffect& effect,
                                                        const v1::NetworkUndo& undo, Host& host);

StatusOr<bool> RevertNetworkFault(const std::string& id, const v1::NetworkUndo& undo, Host& host);

// Whether packets can be steered here, and, if `needs_netem`, held back.
Capability NetworkCapability(Host& host, bool needs_netem);

// To load modules, and for the network namespace in which is tried what the kernel can do.
inline constexpr CapabilitySet kNetworkCapabilities =
    CapabilityBit(CAP_SYS_MODULE) | CapabilityBit(CAP_SYS_ADMIN);

// DEFINE_NETWORK_FAULT(arm, capability): the FaultKind for one arm of FaultSpec, Undo and Effect,
// made of three functions on the arm's message: `Status Validate(…)` for what is beside the target,
// `PacketEffect EffectOf(…)`, and `std::string WordsFor(…)`, what it does in words.
#define DEFINE_NETWORK_FAULT(arm, report)                                                          \
  extern const FaultKind arm##_fault;                                                              \
  const FaultKind arm##_fault = {                                                                  \
      .name = #arm,                                                                                \
      .survives_reboot = false,                                                                    \
      .observe_interval = std::chrono::seconds(5),                                                 \
      .capabilities = kNetworkCapabilities,                                                        \
      .validate =                                                                                  \
          [](const v1::FaultSpec& spec) {                                                          \
            Status status = ValidateTarget(spec.arm().target(), "spec." #arm ".target");           \
            return status.ok() ? Validate(spec.arm()) : status;                                    \
          },                                                                                       \
      .names = [](const v1::FaultSpec& spec) { return NamesIn(spec.arm().target()); },             \
      .plan =                                                                                      \
          [](const v1::FaultSpec& spec, const ResolvedNames& names, Host& host) {                  \
            v1::Undo undo;                                                                         \
            auto plan = PlanNetworkFault(spec.arm().target(), "spec." #arm ".target",              \
                                         EffectOf(spec.arm()), WordsFor(spec.arm()), names, host,  \
                                         *undo.mutable_##arm());                                   \
            if (plan.ok()) plan->undo = std::move(undo);                                           \
            return plan;                                                                           \
          },                                                                                       \
      .inject =                                                                                    \
          [](const std::string& id, const v1::FaultSpec& spec, const v1::Undo& undo, Host& host) { \
            return InjectNetworkFault(id, spec.arm().target(), EffectOf(spec.arm()), undo.arm(),   \
                                      host);                                                       \
          },                                                                                       \
      .revert = [](const std::string& id, const v1::Undo& undo,                                    \
                   Host& host) { return RevertNetworkFault(id, undo.arm(), host); },               \
      .observe = [](const std::string& id, Host& host) -> StatusOr<v1::Effect> {                   \
        v1::Effect effect;                                                                         \
        ASSIGN_OR_RETURN(*effect.mutable_##arm(), host.network.Observe(id));                       \
        return effect;                                                                             \
      },                                                                                           \
      .capability = report,                                                                        \
  }

}  // namespace faultd

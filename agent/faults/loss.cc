// Loss: netem drops a share of the packets; without netem, uniform loss is a random choice by
// nftables.
#include "base/strings.h"
#include "faults/net/network_fault.h"

namespace faultd {
namespace {

Status CheckPercent(std::string_view field, double percent, bool may_be_zero) {
  if (percent <= 100 && (percent > 0 || (may_be_zero && percent == 0))) return absl::OkStatus();
  return FieldError(StrCat("spec.loss.", field), StrCat(percent, " is out of range; write ",
                                                        may_be_zero ? "0" : "above 0", " to 100"));
}

Status ValidateBursts(const v1::GilbertElliott& burst) {
  RETURN_IF_ERROR(
      CheckPercent("gilbert_elliott.good_to_bad_percent", burst.good_to_bad_percent(), false));
  RETURN_IF_ERROR(
      CheckPercent("gilbert_elliott.bad_to_good_percent", burst.bad_to_good_percent(), false));
  if (burst.has_loss_in_bad_percent())
    RETURN_IF_ERROR(
        CheckPercent("gilbert_elliott.loss_in_bad_percent", burst.loss_in_bad_percent(), true));
  if (burst.has_loss_in_good_percent())
    RETURN_IF_ERROR(
        CheckPercent("gilbert_elliott.loss_in_good_percent", burst.loss_in_good_percent(), true));
  return absl::OkStatus();
}

Status Validate(const v1::Loss& loss) {
  switch (loss.model_case()) {
    case v1::Loss::kPercent:
      RETURN_IF_ERROR(CheckPercent("percent", loss.percent(), false));
      break;
    case v1::Loss::kGilbertElliott:
      RETURN_IF_ERROR(ValidateBursts(loss.gilbert_elliott()));
      break;
    case v1::Loss::MODEL_NOT_SET:
      return FieldError("spec.loss.percent",
                        "is missing; write above 0 to 100, or give gilbert_elliott");
  }
  if (loss.has_correlation_percent()) {
    RETURN_IF_ERROR(CheckPercent("correlation_percent", loss.correlation_percent(), true));
    if (loss.has_gilbert_elliott())
      return FieldError("spec.loss.correlation_percent",
                        "goes with percent only; gilbert_elliott has its own bursts");
  }
  return absl::OkStatus();
}

PacketEffect EffectOf(const v1::Loss& loss) {
  PacketEffect effect;
  if (loss.has_gilbert_elliott()) {
    const v1::GilbertElliott& burst = loss.gilbert_elliott();
    effect.netem.burst_loss = BurstLoss{
        .good_to_bad = burst.good_to_bad_percent() / 100,
        .bad_to_good = burst.bad_to_good_percent() / 100,
        .loss_in_bad = burst.has_loss_in_bad_percent() ? burst.loss_in_bad_percent() / 100 : 1,
        .loss_in_good = burst.loss_in_good_percent() / 100,
    };
  } else {
    effect.netem.loss = loss.percent() / 100;
    effect.netem.loss_correlation = loss.correlation_percent() / 100;
  }
  return effect;
}

std::string WordsFor(const v1::Loss& loss) {
  if (loss.has_percent()) return StrCat("loss ", loss.percent(), "%");
  const v1::GilbertElliott& burst = loss.gilbert_elliott();
  return StrCat("burst loss (", burst.good_to_bad_percent(), "% into, ",
                burst.bad_to_good_percent(), "% out of the bad state)");
}

Capability Report(Host& host) {
  Capability capability = NetworkCapability(host, /*needs_netem=*/false);
  const Status& netem = host.kernel.features().netem;
  if (capability.state == CapabilityState::kAvailable && !netem.ok()) {
    return {
        CapabilityState::kLimited,
        StrCat("uniform loss only, chosen by nftables, without correlation and gilbert_elliott: ",
               ToStd(netem.message())),
        "for the rest do what the reason says; no restart is needed"};
  }
  return capability;
}

}  // namespace

DEFINE_NETWORK_FAULT(loss, Report);

}  // namespace faultd

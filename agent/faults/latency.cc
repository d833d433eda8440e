// Latency: packets are held back by netem.
#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"
#include "faults/net/network_fault.h"

namespace faultd {
namespace {

constexpr std::chrono::microseconds kShortest{1};
constexpr std::chrono::seconds kLongest{60};

Status Validate(const v1::Latency& latency) {
  const std::chrono::nanoseconds delay = FromProto(latency.delay());
  if (delay < kShortest || delay > kLongest) {
    return FieldError("spec.latency.delay",
                      StrCat(FormatDuration(delay), " is out of range; write 1us to 1m"));
  }
  const std::chrono::nanoseconds jitter = FromProto(latency.jitter());
  if (jitter.count() < 0 || jitter > delay) {
    return FieldError("spec.latency.jitter",
                      StrCat(FormatDuration(jitter), " is out of range; write at most the delay, ",
                             FormatDuration(delay)));
  }
  if (latency.has_correlation_percent()) {
    if (!(latency.correlation_percent() >= 0 && latency.correlation_percent() <= 100)) {
      return FieldError("spec.latency.correlation_percent",
                        StrCat(latency.correlation_percent(), " is out of range; write 0 to 100"));
    }
    if (jitter.count() == 0)
      return FieldError("spec.latency.correlation_percent",
                        "needs jitter; give a jitter or leave it out");
  }
  if (latency.has_distribution()) {
    if (latency.distribution() == v1::DELAY_DISTRIBUTION_UNSPECIFIED ||
        !v1::DelayDistribution_IsValid(latency.distribution())) {
      return FieldError(
          "spec.latency.distribution",
          StrCat(static_cast<int>(latency.distribution()),
                 " is not a distribution; take DELAY_DISTRIBUTION_UNIFORM, _NORMAL, _PARETO "
                 "or _PARETONORMAL, or leave it out for uniform"));
    }
    if (jitter.count() == 0)
      return FieldError("spec.latency.distribution", "needs jitter; give a jitter or leave it out");
  }
  return absl::OkStatus();
}

DelayDistribution DistributionOf(const v1::Latency& latency) {
  switch (latency.distribution()) {
    case v1::DELAY_DISTRIBUTION_NORMAL:
      return DelayDistribution::kNormal;
    case v1::DELAY_DISTRIBUTION_PARETO:
      return DelayDistribution::kPareto;
    case v1::DELAY_DISTRIBUTION_PARETONORMAL:
      return DelayDistribution::kParetonormal;
    default:
      return DelayDistribution::kUniform;
  }
}

PacketEffect EffectOf(const v1::Latency& latency) {
  PacketEffect effect;
  effect.netem.delay = FromProto(latency.delay());
  effect.netem.jitter = FromProto(latency.jitter());
  effect.netem.delay_correlation = latency.correlation_percent() / 100;
  effect.netem.distribution = DistributionOf(latency);
  return effect;
}

std::string WordsFor(const v1::Latency& latency) {
  std::string words = StrCat("latency ", FormatDuration(FromProto(latency.delay())));
  if (latency.has_jitter()) StrAppend(&words, " ±", FormatDuration(FromProto(latency.jitter())));
  return words;
}

Capability Report(Host& host) { return NetworkCapability(host, /*needs_netem=*/true); }

}  // namespace

DEFINE_NETWORK_FAULT(latency, Report);

}  // namespace faultd

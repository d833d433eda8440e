// Memory stress: a stress process takes memory and keeps it resident.
#include <algorithm>

#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"
#include "faults/stress/stress_fault.h"

namespace faultd {
namespace {

constexpr uint64_t kMiB = 1 << 20;

Status ValidateAmount(const v1::MemoryStress& memory) {
  switch (memory.amount_case()) {
    case v1::MemoryStress::kBytes:
      if (memory.bytes() < kMiB) {
        return FieldError(
            "spec.memory.bytes",
            StrCat(memory.bytes(), " is out of range; write 1048576 (1 MiB) or more"));
      }
      return absl::OkStatus();
    case v1::MemoryStress::kPercentOfTotal:
      return ValidateShare(memory.percent_of_total(), "spec.memory.percent_of_total");
    case v1::MemoryStress::kPercentOfAvailable:
      if (memory.mode() == v1::MEMORY_MODE_ABSOLUTE) {
        return FieldError("spec.memory.percent_of_available",
                          "needs mode add; with MEMORY_MODE_ABSOLUTE give percent_of_total or "
                          "bytes");
      }
      return ValidateShare(memory.percent_of_available(), "spec.memory.percent_of_available");
    case v1::MemoryStress::AMOUNT_NOT_SET:
      break;
  }
  return FieldError("spec.memory",
                    "says no amount; give bytes, percent_of_total or percent_of_available");
}

Status Validate(const v1::MemoryStress& memory) {
  RETURN_IF_ERROR(ValidateAmount(memory));
  const auto unknown = [](std::string_view field, int value, std::string_view words) {
    return FieldError(StrCat("spec.memory.", field), StrCat(value, " is not known; take ", words));
  };
  if (memory.has_mode() && memory.mode() != v1::MEMORY_MODE_ADD &&
      memory.mode() != v1::MEMORY_MODE_ABSOLUTE) {
    return unknown("mode", memory.mode(),
                   "MEMORY_MODE_ADD or MEMORY_MODE_ABSOLUTE, or leave it out for add");
  }
  if (memory.has_content() && memory.content() != v1::MEMORY_CONTENT_COMPRESSIBLE &&
      memory.content() != v1::MEMORY_CONTENT_INCOMPRESSIBLE) {
    return unknown("content", memory.content(),
                   "MEMORY_CONTENT_INCOMPRESSIBLE or MEMORY_CONTENT_COMPRESSIBLE, or leave it out "
                   "for incompressible");
  }
  if (memory.has_backing() && memory.backing() != v1::MEMORY_BACKING_ANONYMOUS &&
      memory.backing() != v1::MEMORY_BACKING_PAGE_CACHE) {
    return unknown("backing", memory.backing(),
                   "MEMORY_BACKING_ANONYMOUS or MEMORY_BACKING_PAGE_CACHE, or leave it out for "
                   "anonymous");
  }
  if (memory.pace_case() == v1::MemoryStress::kBytesPerSecond && memory.bytes_per_second() < kMiB) {
    return FieldError(
        "spec.memory.bytes_per_second",
        StrCat(memory.bytes_per_second(), " is out of range; write 1048576 (1 MiB/s) or more"));
  }
  return ValidateRamp(memory.ramp(), "spec.memory.ramp");
}

struct Amounts {
  MemoryFacts facts;
  uint64_t bytes = 0;
  uint64_t reserve = 0;
};

uint64_t Share(double percent, uint64_t whole) {
  return static_cast<uint64_t>(percent / 100 * static_cast<double>(whole));
}

StatusOr<Amounts> AmountsFor(const v1::MemoryStress& memory, Host& host) {
  Amounts amounts;
  ASSIGN_OR_RETURN(amounts.facts, host.kernel.machine().Memory());
  amounts.reserve =
      memory.has_reserve_bytes() ? memory.reserve_bytes() : host.stress_policy.memory_reserve;
  if (amounts.reserve < host.stress_policy.memory_reserve) {
    return DeniedError(
        "stress.memory_reserve",
        StrCat("spec.memory.reserve_bytes: ", FormatSize(amounts.reserve),
               " is less than this host's policy allows (rule stress.memory_reserve: ",
               FormatSize(host.stress_policy.memory_reserve), "); ask for that or more"));
  }
  switch (memory.amount_case()) {
    case v1::MemoryStress::kPercentOfTotal:
      amounts.bytes = Share(memory.percent_of_total(), amounts.facts.total);
      break;
    case v1::MemoryStress::kPercentOfAvailable:
      // Of what the reserve leaves: 100 % is as much as can be had.
      amounts.bytes =
          Share(memory.percent_of_available(),
                amounts.facts.available - std::min(amounts.reserve, amounts.facts.available));
      break;
    default:
      amounts.bytes = memory.bytes();
  }
  return amounts;
}

StatusOr<FaultPlan> Plan(const v1::MemoryStress& memory, Host& host, StressFiles&) {
  ASSIGN_OR_RETURN(const Amounts amounts, AmountsFor(memory, host));
  const MemoryFacts& facts = amounts.facts;
  const bool absolute = memory.mode() == v1::MEMORY_MODE_ABSOLUTE;
  const uint64_t whole = absolute ? facts.total : facts.available;
  const uint64_t most = whole - std::min(whole, amounts.reserve);
  if (amounts.bytes > most) {
    return PreconditionError(
        "MEMORY", "host",
        StrCat(FormatSize(amounts.bytes), " is more than there is: of ", FormatSize(facts.total),
               " ", FormatSize(facts.available), " are available, and a reserve of ",
               FormatSize(amounts.reserve), " is never taken; ask for ", FormatSize(most),
               " at most"));
  }
  RETURN_IF_ERROR(CheckAtMost("spec.memory", Percent(amounts.bytes, facts.total),
                              "stress.max_memory_percent", host.stress_policy.max_memory_percent));
  FaultPlan plan;
  plan.summary = StrCat("memory ", absolute ? "in use brought to " : "", FormatSize(amounts.bytes),
                        memory.backing() == v1::MEMORY_BACKING_PAGE_CACHE ? " of page cache" : "");
  if (memory.pace_case() == v1::MemoryStress::kRamp && FromProto(memory.ramp()).count() > 0)
    plan.summary += StrCat(", growing over ", FormatDuration(FromProto(memory.ramp())));
  if (memory.pace_case() == v1::MemoryStress::kBytesPerSecond)
    plan.summary += StrCat(", growing by ", FormatSize(memory.bytes_per_second()), "/s");
  const uint64_t used = facts.total - std::min(facts.total, facts.available);
  if (absolute && used >= amounts.bytes) {
    plan.warnings.push_back(StrCat("others use ", FormatSize(used),
                                   " already, so nothing is taken until they free some"));
  }
  plan.changes.push_back(
      StrCat("take memory, leaving ", FormatSize(amounts.reserve), " available at least"));
  return plan;
}

StatusOr<v1::StressOrder> OrderFor(const std::string&, const v1::MemoryStress& memory,
                                   const v1::StressUndo&, Host& host) {
  ASSIGN_OR_RETURN(const Amounts amounts, AmountsFor(memory, host));
  v1::StressOrder order;
  *order.mutable_memory()->mutable_spec() = memory;
  order.mutable_memory()->set_bytes(amounts.bytes);
  order.mutable_memory()->set_reserve_bytes(amounts.reserve);
  return order;
}

Capability Report(Host& host) {
  const auto facts = host.kernel.machine().Memory();
  if (!facts.ok())
    return {CapabilityState::kUnavailable, std::string(facts.status().message()), ""};
  return {CapabilityState::kAvailable,
          StrCat(FormatSize(facts->available), " of ", FormatSize(facts->total), " are available"),
          ""};
}

}  // namespace

DEFINE_STRESS_FAULT(memory, false, nullptr);

}  // namespace faultd

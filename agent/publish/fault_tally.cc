#include "publish/fault_tally.h"

#include <algorithm>

#include "base/proto_time.h"
#include "engine/engine.h"

namespace faultd {

FaultTally::Change FaultTally::Note(const v1::Fault& fault, BootTime now) {
  const FaultKind* kind = KindOf(fault.spec());
  if (kind == nullptr) return Change::kNone;
  if (IsOver(fault.state())) {
    ++ended_[{std::string(kind->name), fault.end_reason()}];
    return active_.erase(fault.id()) > 0 ? Change::kEnded : Change::kNone;
  }
  if (!fault.has_active_time()) return Change::kNone;
  const auto [entry, is_new] = active_.try_emplace(fault.id());
  entry->second = {kind->name, now + FromProto(fault.lease().remaining())};
  return is_new ? Change::kBegan : Change::kNone;
}

FaultTally::Kind FaultTally::Of(std::string_view kind) const {
  Kind result;
  for (const auto& [id, fault] : active_) {
    if (fault.kind != kind) continue;
    ++result.active;
    result.longest_deadline = std::max(result.longest_deadline, fault.deadline);
  }
  return result;
}

}  // namespace faultd

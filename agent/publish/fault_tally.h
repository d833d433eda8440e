#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "faultd/v1/fault.pb.h"

namespace faultd {

// Counts the faults of this daemon by kind, from what Engine::Watch tells. A fault is active from
// when it was seen in the kernel to when it was seen gone.
class FaultTally {
 public:
  enum class Change { kNone, kBegan, kEnded };
  struct Kind {
    size_t active = 0;
    BootTime longest_deadline{};  // when one is active
  };

  // `kEnded` only for a fault that was active.
  Change Note(const v1::Fault& fault, BootTime now);

  // Zero for a kind that is not active.
  Kind Of(std::string_view kind) const;
  // Of all faults that are over, by kind and reason.
  const std::map<std::pair<std::string, v1::EndReason>, uint64_t>& ended() const { return ended_; }

 private:
  struct Active {
    std::string_view kind;
    BootTime deadline{};
  };
  std::map<std::string, Active> active_;  // by id
  std::map<std::pair<std::string, v1::EndReason>, uint64_t> ended_;
};

}  // namespace faultd

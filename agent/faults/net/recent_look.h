#pragma once

#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/status.h"

namespace faultd {

// What was seen in the kernel a moment ago. A look costs more the more there is, and each fault
// asks again and again: all of them together must not take more than a tenth of the loop's time, so
// what was seen serves for nine times as long as it took to look.
template <typename T>
class RecentLook {
 public:
  // What still serves, or else what `look`, a StatusOr<T>(), sees now. Valid until the next call.
  template <typename Look>
  StatusOr<const T*> Get(const Clock& clock, Look look) {
    constexpr int kRest = 9;
    const BootTime begin = clock.Now();
    if (seen_ && begin < until_) return &*seen_;
    seen_.reset();
    ASSIGN_OR_RETURN(seen_, look());
    const BootTime end = clock.Now();
    until_ = end + kRest * (end - begin);
    return &*seen_;
  }

  // After a change.
  void Forget() { seen_.reset(); }

 private:
  std::optional<T> seen_;
  BootTime until_{0};
};

}  // namespace faultd

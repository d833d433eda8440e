#pragma once

#include <chrono>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace faultd {

// Tells when processes have to wait for memory: of the host, and of the cgroups that this process
// is in, where the kernel counts pressure (Documentation/accounting/psi.rst). Where it does not,
// this is only a timer.
class PressureWatch {
 public:
  static StatusOr<PressureWatch> Open();

  // Waits for a time, less if there is pressure; whether there was.
  bool Wait(std::chrono::nanoseconds time);
  // Ends a wait, the present one or the next. Any thread.
  void Wake();

 private:
  UniqueFd wake_;
  std::vector<UniqueFd> triggers_;
};

}  // namespace faultd

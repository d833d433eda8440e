#pragma once

#include <functional>

#include "base/status.h"

namespace faultd {

// Does what may wait for a disk, so that the loop never does: a disk that stalls must not make
// leases end late. One thread, so everything is done in the order in which it was given. Called on
// the loop's thread.
class Worker {
 public:
  virtual ~Worker() = default;

  // Runs `work` on the thread, after all that was given before, then `done` with its status on the
  // loop. `work` must not touch what belongs to the loop.
  virtual void Run(std::function<Status()> work, std::function<void(const Status&)> done) = 0;
};

}  // namespace faultd

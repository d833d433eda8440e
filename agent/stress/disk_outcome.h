#pragma once

#include <mutex>

#include "base/status.h"

namespace faultd {

// What became of work in other threads: the first error of any of them.
class DiskOutcome {
 public:
  void Set(const Status& status) {
    const std::lock_guard lock(mutex_);
    status_.Update(status);
  }
  Status Get() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  mutable std::mutex mutex_;
  Status status_;
};

}  // namespace faultd

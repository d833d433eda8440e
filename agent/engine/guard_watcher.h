#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "faultd/v1/guard.pb.h"

namespace faultd {

// Watches the guards of faults; what is behind them is for the implementation to know. Everything
// happens on the loop's thread.
class GuardWatcher {
 public:
  // The guards of one fault being watched; destroying it ends that, and no callback comes any more.
  class Watch {
   public:
    virtual ~Watch() = default;
  };

  virtual ~GuardWatcher() = default;

  // Begins to watch. `ready` is called once, but never from inside this function: OK when all
  // guards are good and none has tripped, else a FieldError whose path begins with "guards[<n>].",
  // or FAILED_PRECONDITION when one has tripped already or cannot be asked. After OK, `tripped` is
  // called at most once, with what happened in words. Either may destroy the watch.
  virtual std::unique_ptr<Watch> Start(std::vector<v1::Guard> guards,
                                       std::function<void(Status)> ready,
                                       std::function<void(const std::string& why)> tripped) = 0;
};

}  // namespace faultd

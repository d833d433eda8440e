#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "base/status.h"
#include "base/unique_fd.h"

namespace faultd::ctl {

// Watches, beside a thread that is blocked in a stream, for the wish to stop, and ticks.
class StopWatcher {
 public:
  // Calls `on_stop` each time `stop_fd` can be read (-1: never) and `on_tick` every `tick` (0:
  // never), both on a thread of its own.
  StopWatcher(int stop_fd, std::chrono::milliseconds tick, std::function<void()> on_stop,
              std::function<void()> on_tick);
  // Neither is called any more.
  ~StopWatcher();
  StopWatcher(const StopWatcher&) = delete;
  StopWatcher& operator=(const StopWatcher&) = delete;

 private:
  void Run();

  const int stop_fd_;
  const int tick_ms_;
  const std::function<void()> on_stop_;
  const std::function<void()> on_tick_;
  const UniqueFd done_;
  std::thread thread_;
};

// A descriptor that can be read whenever a signal asks this process to stop: SIGINT, SIGTERM or
// SIGHUP, unless it is ignored (nohup). To be called before there are threads.
StatusOr<UniqueFd> CatchStopSignals();

}  // namespace faultd::ctl

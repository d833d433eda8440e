#pragma once

#include <string>

#include "engine/loop.h"

namespace faultd {

// What systemd is told (sd_notify(3)). Does nothing outside systemd. The watchdog's ping comes from
// the loop, so that a loop that hangs is noticed.
class SystemdNotifier {
 public:
  SystemdNotifier(Loop& loop, const Clock& clock) : loop_(loop), clock_(clock) {}

  void Ready(const std::string& status);
  void SetStatus(const std::string& status);
  void Stopping();
  // Pings from now on, four times as often as asked for.
  void StartWatchdog();

 private:
  void Ping();
  Loop& loop_;
  const Clock& clock_;
  std::chrono::microseconds interval_{0};
};

}  // namespace faultd

#pragma once

#include <memory>
#include <string>

#include "engine/loop.h"

namespace faultd {

// What systemd is told (sd_notify(3)). Does nothing outside systemd. sd_notify waits for a manager
// that does not read its messages, and then no lease would end: a thread of its own sends them, and
// while it waits, newer values replace older ones. The watchdog's ping comes from the loop, so that
// a loop that hangs is noticed.
class SystemdNotifier {
 public:
  SystemdNotifier(Loop& loop, const Clock& clock);
  ~SystemdNotifier();
  SystemdNotifier(const SystemdNotifier&) = delete;
  SystemdNotifier& operator=(const SystemdNotifier&) = delete;

  void Ready(const std::string& status);
  void SetStatus(const std::string& status);
  void Stopping();
  // Pings from now on, four times as often as asked for.
  void StartWatchdog();

 private:
  class Sender;
  void Ping();

  Loop& loop_;
  const Clock& clock_;
  // Shared with the thread, which may outlive this object by being stuck.
  std::shared_ptr<Sender> sender_;
  std::chrono::microseconds interval_{0};
};

}  // namespace faultd

#include "daemon/notify.h"

#include "base/strings.h"
#include <systemd/sd-daemon.h>

namespace faultd {

void SystemdNotifier::Ready(const std::string& status) {
  sd_notify(0, StrCat("READY=1\nSTATUS=", status).c_str());
}

void SystemdNotifier::SetStatus(const std::string& status) {
  sd_notify(0, StrCat("STATUS=", status).c_str());
}

void SystemdNotifier::Stopping() { sd_notify(0, "STOPPING=1\nSTATUS=Reverting all faults"); }

void SystemdNotifier::StartWatchdog() {
  uint64_t watchdog_us = 0;
  if (sd_watchdog_enabled(0, &watchdog_us) <= 0) return;
  interval_ = std::chrono::microseconds(watchdog_us / 4);
  Ping();
}

void SystemdNotifier::Ping() {
  sd_notify(0, "WATCHDOG=1");
  loop_.At(clock_.Now() + interval_, [this] { Ping(); });
}

}  // namespace faultd

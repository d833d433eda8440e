#include "daemon/notify.h"

#include <spdlog/spdlog.h>

#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "base/strings.h"
#include "base/threads.h"
#include <systemd/sd-daemon.h>

namespace faultd {

class SystemdNotifier::Sender {
 public:
  void Set(const std::string& variable, const std::string& value) {
    const std::lock_guard lock(mutex_);
    pending_[variable] = value;
    changed_.notify_one();
  }

  void Stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }

  // The thread's work: sends what is pending until stopped.
  void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
      if (pending_.empty()) return;
      std::string message;
      for (const auto& [variable, value] : std::exchange(pending_, {})) {
        StrAppend(&message, variable, "=", value, "\n");
      }
      lock.unlock();
      sd_notify(/*unset_environment=*/0, message.c_str());
      lock.lock();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> pending_;
  bool stopping_ = false;
};

SystemdNotifier::SystemdNotifier(Loop& loop, const Clock& clock) : loop_(loop), clock_(clock) {
  if (getenv("NOTIFY_SOCKET") == nullptr) return;
  sender_ = std::make_shared<Sender>();
  const Status started = StartDetachedThread([sender = sender_] { sender->Run(); });
  if (!started.ok()) spdlog::error("tell systemd: {}", std::string(started.message()));
}

SystemdNotifier::~SystemdNotifier() {
  if (sender_ != nullptr) sender_->Stop();
}

void SystemdNotifier::Ready(const std::string& status) {
  if (sender_ != nullptr) sender_->Set("READY", "1");
  SetStatus(status);
}

void SystemdNotifier::SetStatus(const std::string& status) {
  if (sender_ != nullptr) sender_->Set("STATUS", status);
}

void SystemdNotifier::Stopping() {
  if (sender_ != nullptr) sender_->Set("STOPPING", "1");
  SetStatus("Reverting all faults");
}

void SystemdNotifier::StartWatchdog() {
  uint64_t watchdog_us = 0;
  if (sender_ == nullptr || sd_watchdog_enabled(0, &watchdog_us) <= 0) return;
  interval_ = std::chrono::microseconds(watchdog_us / 4);
  Ping();
}

void SystemdNotifier::Ping() {
  sender_->Set("WATCHDOG", "1");
  loop_.At(clock_.Now() + interval_, [this] { Ping(); });
}

}  // namespace faultd

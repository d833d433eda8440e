#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "bench/daemon.h"

namespace faultd::bench {

// Sees when a fault stops to act, as the kernel announces it to `nft monitor`: the rules, the
// counters named after the fault among them, go in one transaction, whose messages are sent right
// after it is in force.
class EndMonitor {
 public:
  EndMonitor();
  ~EndMonitor();
  EndMonitor(const EndMonitor&) = delete;
  EndMonitor& operator=(const EndMonitor&) = delete;

  // Listens for the end of this fault from now on. Without this the kernel makes no announcements,
  // which would cost the daemon time.
  void Expect(const std::string& id);
  // CLOCK_BOOTTIME at which it was over.
  BootTime Wait();

 private:
  void Receive();

  UniqueFd socket_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string id_;
  std::optional<BootTime> ended_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// How long after the end of its lease the fault stops to act. Returns when the daemon calls it
// over, too.
std::chrono::nanoseconds LatenessOf(const std::string& id, Daemon& daemon, EndMonitor& monitor);

}  // namespace faultd::bench

#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace faultd::bench {

// Sends requests that make no sense to a daemon, from a connection and a thread of its own: bytes
// that are no message, and messages of faults that cannot be.
class Flood {
 public:
  Flood(const std::string& address, int requests_a_second);
  // Waits for the last answers.
  ~Flood();
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  // How many the daemon has refused so far. All must be.
  long refused() const { return refused_; }

 private:
  void Run(const std::string& address, int requests_a_second);

  std::atomic<long> refused_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace faultd::bench

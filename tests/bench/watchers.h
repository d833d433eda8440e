#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "faultd/v1/fault_service.grpc.pb.h"

namespace faultd::bench {

// Clients that watch all faults of a daemon, each with a stream of its own.
class Watchers {
 public:
  // Returns once all of them have been sent the faults that there were.
  Watchers(const std::string& address, int count);
  ~Watchers();
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  // Waits until each has been told that this fault is over. It throws when one was cut off.
  void WaitUntilOver(const std::string& id);

 private:
  class Stream;

  Watchers() = default;

  std::vector<std::unique_ptr<v1::FaultService::Stub>> connections_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t ready_ = 0;
  size_t gone_ = 0;
  std::multiset<std::string> over_;  // a fault's id from each watcher
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace faultd::bench

#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

#include "absl/functional/any_invocable.h"

namespace faultd {

// Jobs for a thread, done in the order in which they were given.
class JobQueue {
 public:
  using Job = absl::AnyInvocable<void()>;

  void Add(Job job);
  // After the last one: Run returns once all are done.
  void Close();
  // What the thread does.
  void Run();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool closed_ = false;
};

}  // namespace faultd

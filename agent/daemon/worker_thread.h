#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/loop.h"
#include "engine/worker.h"

namespace faultd {

// The worker of a loop. Its thread has no capability but to write into directories of other users,
// and a table of descriptors of its own: see StartDiskThread for what may be used there. Done
// callbacks are posted with the loop's own descriptors, so the loop has to be there before.
class WorkerThread final : public Worker {
 public:
  // RESOURCE_EXHAUSTED when no thread can be had. The loop must outlive it. To be called before
  // anything is opened whose end must not wait for a disk.
  static StatusOr<std::unique_ptr<WorkerThread>> Start(Loop& loop);
  // Does first what it was given.
  ~WorkerThread() override;

  void Run(std::function<Status()> work, std::function<void(const Status&)> done) override;

 private:
  struct Job {
    std::function<Status()> work;
    std::function<void(const Status&)> done;
  };

  explicit WorkerThread(Loop& loop) : loop_(loop) {}
  void Work();

  Loop& loop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace faultd

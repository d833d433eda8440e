#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "base/job_queue.h"
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
  explicit WorkerThread(Loop& loop) : loop_(loop) {}

  Loop& loop_;
  JobQueue jobs_;
  std::thread thread_;
};

}  // namespace faultd

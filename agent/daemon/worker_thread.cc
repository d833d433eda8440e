#include "daemon/worker_thread.h"

#include <linux/capability.h>
#include <spdlog/spdlog.h>

#include <system_error>

#include "base/disk_thread.h"
#include "base/strings.h"
#include "kernel/privileges.h"

namespace faultd {

StatusOr<std::unique_ptr<WorkerThread>> WorkerThread::Start(Loop& loop) {
  std::unique_ptr<WorkerThread> worker(new WorkerThread(loop));
  try {
    worker->thread_ = StartDiskThread([worker = worker.get()] { worker->Work(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        StrCat("start the thread that writes the journal: ", error.what()));
  }
  return worker;
}

WorkerThread::~WorkerThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void WorkerThread::Run(std::function<Status()> work, std::function<void(const Status&)> done) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(work), std::move(done)});
  }
  changed_.notify_one();
}

void WorkerThread::Work() {
  if (Status kept = KeepCapabilities(CapabilityBit(CAP_DAC_OVERRIDE)); !kept.ok())
    spdlog::warn("the thread that writes the journal: {}", std::string(kept.message()));
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    loop_.Post([done = std::move(job.done), status = job.work()] { done(status); });
  }
}

}  // namespace faultd

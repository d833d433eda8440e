#include "daemon/worker_thread.h"

#include <linux/capability.h>

#include <utility>

#include "base/threads.h"
#include "kernel/privileges.h"

namespace faultd {

StatusOr<std::unique_ptr<WorkerThread>> WorkerThread::Start(Loop& loop) {
  std::unique_ptr<WorkerThread> worker(new WorkerThread(loop));
  StatusOr<std::thread> thread = StartDiskThread([&jobs = worker->jobs_] {
    TryToKeepCapabilities(CapabilityBit(CAP_DAC_OVERRIDE), "the thread that writes the journal");
    jobs.Run();
  });
  RETURN_IF_ERROR(Annotate(thread.status(), "the thread that writes the journal"));
  worker->thread_ = *std::move(thread);
  return worker;
}

WorkerThread::~WorkerThread() {
  jobs_.Close();
  if (thread_.joinable()) thread_.join();
}

void WorkerThread::Run(std::function<Status()> work, std::function<void(const Status&)> done) {
  jobs_.Add([this, work = std::move(work), done = std::move(done)]() mutable {
    loop_.Post([done = std::move(done), status = work()] { done(status); });
  });
}

}  // namespace faultd

#include "support/fake_worker.h"

namespace faultd {

void FakeWorker::Run(std::function<Status()> work, std::function<void(const Status&)> done) {
  if (stalled_) {
    jobs_.emplace_back(std::move(work), std::move(done));
  } else {
    done(work());
  }
}

void FakeWorker::LetGo() {
  while (!jobs_.empty()) {
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    job.second(job.first());
  }
  stalled_ = false;
}

void FakeWorker::Clear() {
  stalled_ = false;
  jobs_.clear();
}

}  // namespace faultd

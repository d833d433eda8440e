#include "http/disk_jobs.h"

#include <mutex>
#include <thread>
#include <utility>

#include "base/job_queue.h"
#include "base/strings.h"
#include "base/threads.h"
#include <boost/asio/post.hpp>

namespace faultd {

namespace asio = boost::asio;

struct DiskJobs::Thread {
  JobQueue jobs;
  std::mutex mutex;
  asio::io_context* loop;  // null when there is none any more
};

DiskJobs::DiskJobs(asio::execution_context& context, const char* name)
    : asio::execution_context::service(context),
      loop_(static_cast<asio::io_context&>(context)),
      wakes_(loop_),
      name_(name) {}

DiskJobs::~DiskJobs() = default;

Status DiskJobs::Start(Job first) {
  auto thread = std::make_shared<Thread>();
  thread->loop = &loop_;
  StatusOr<std::thread> started = StartDiskThread([thread, first = std::move(first)]() mutable {
    first();
    thread->jobs.Run();
  });
  RETURN_IF_ERROR(Annotate(started.status(), name_));
  started->detach();  // the disk may never answer
  thread_ = std::move(thread);
  return absl::OkStatus();
}

void DiskJobs::Do(Job job, Done done) {
  constexpr size_t kMostWaiting = 1000;
  Status status;
  if (thread_ == nullptr) status = Start();
  if (waiting_.size() >= kMostWaiting)
    status = absl::ResourceExhaustedError(StrCat("too many wait for ", name_));
  const uint64_t number = next_++;
  waiting_[number] = std::move(done);
  if (!status.ok()) {
    asio::post(loop_, [this, number, status] { Answer(number, status); });
    return;
  }
  thread_->jobs.Add([this, thread = thread_, number, job = std::move(job)]() mutable {
    job();
    const std::lock_guard lock(thread->mutex);
    if (thread->loop == nullptr) return;
    asio::post(*thread->loop, [this, number] { Answer(number, absl::OkStatus()); });
  });
}

void DiskJobs::Answer(uint64_t number, const Status& status) {
  auto waits = waiting_.extract(number);
  waits.mapped()(status);
}

void DiskJobs::shutdown() noexcept {
  waiting_.clear();
  if (thread_ == nullptr) return;
  thread_->jobs.Close();
  const std::lock_guard lock(thread_->mutex);
  thread_->loop = nullptr;
}

}  // namespace faultd

#include "kernel/spawner.h"

#include <system_error>
#include <utility>

#include "base/strings.h"

namespace faultd {

Spawner::~Spawner() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::future<StatusOr<Process>> Spawner::Start(std::string path, std::vector<std::string> arguments,
                                              UniqueFd input) {
  Job job{std::move(path), std::move(arguments), std::move(input), {}};
  std::future<StatusOr<Process>> process = job.process.get_future();
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error& error) {
      job.process.set_value(absl::ResourceExhaustedError(
          StrCat("start the thread that starts ", job.path, ": ", error.what())));
      return process;
    }
  }
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return process;
}

void Spawner::Run() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job.process.set_value(Process::Spawn(job.path, job.arguments, {.input = job.input.get()}));
  }
}

}  // namespace faultd

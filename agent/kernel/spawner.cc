#include "kernel/spawner.h"

#include <utility>

#include "base/threads.h"

namespace faultd {

Spawner::~Spawner() {
  jobs_.Close();
  if (thread_.joinable()) thread_.join();
}

std::future<StatusOr<Process>> Spawner::Start(std::string path, std::vector<std::string> arguments,
                                              UniqueFd input) {
  std::promise<StatusOr<Process>> process;
  std::future<StatusOr<Process>> started = process.get_future();
  if (!thread_.joinable()) {
    StatusOr<std::thread> thread = StartThread([this] { jobs_.Run(); });
    if (!thread.ok()) {
      process.set_value(Annotate(thread.status(), path));
      return started;
    }
    thread_ = *std::move(thread);
  }
  jobs_.Add([path = std::move(path), arguments = std::move(arguments), input = std::move(input),
             process = std::move(process)]() mutable {
    process.set_value(Process::Spawn(path, arguments, {.input = input.get()}));
  });
  return started;
}

}  // namespace faultd

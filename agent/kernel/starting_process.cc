#include "kernel/starting_process.h"

#include <sys/wait.h>

#include <cerrno>
#include <chrono>

#include "base/strings.h"
#include "base/threads.h"

namespace faultd {
namespace {

// Leaves its exit status to whoever reaps it.
void AwaitEnd(pid_t child) {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
}

}  // namespace

StatusOr<StartingProcess> StartingProcess::Start(std::string path,
                                                 std::vector<std::string> arguments, UniqueFd input,
                                                 UniqueFd output) {
  std::promise<void> taken;
  std::promise<StatusOr<pid_t>> child;
  const Streams streams{.input = input.get(), .output = output.get()};
  StartingProcess starting({std::move(input), std::move(output)}, taken.get_future(),
                           child.get_future());
  RETURN_IF_ERROR(
      Annotate(StartDetachedThread([path, arguments = std::move(arguments), streams,
                                    taken = std::move(taken), child = std::move(child)]() mutable {
                 const Status kept = KeepStandardDescriptors({streams.input, streams.output});
                 taken.set_value();
                 if (!kept.ok()) return child.set_value(Annotate(kept, StrCat("start ", path)));
                 StatusOr<pid_t> started = StartChild(path, arguments, streams);
                 const pid_t pid = started.value_or(0);
                 child.set_value(std::move(started));
                 // Whoever sees the other ends of these closed finds the answer there.
                 KeepStandardDescriptors().IgnoreError();
                 if (pid > 0) AwaitEnd(pid);
               }),
               StrCat("start ", path)));
  return starting;
}

StartingProcess::~StartingProcess() { WaitForStreams(); }

void StartingProcess::WaitForStreams() {
  if (taken_.valid()) taken_.wait();
  HasStreams();
}

bool StartingProcess::HasStreams() {
  if (!taken_.valid()) return true;
  if (taken_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
  taken_ = {};
  ends_ = {};
  return true;
}

bool StartingProcess::IsDone() {
  return HasStreams() && child_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

StatusOr<Process> StartingProcess::Take() {
  ASSIGN_OR_RETURN(const pid_t pid, child_.get());
  ends_ = {};
  return Process::Adopt(pid);
}

}  // namespace faultd

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
  std::promise<Status> table;
  std::promise<StatusOr<pid_t>> child;
  std::future<Status> has_table = table.get_future();
  StartingProcess starting(child.get_future());
  const Streams streams{.input = input.get(), .output = output.get()};
  RETURN_IF_ERROR(
      Annotate(StartDetachedThread([path, arguments = std::move(arguments), streams,
                                    table = std::move(table), child = std::move(child)]() mutable {
                 Status kept = KeepStandardDescriptors({streams.input, streams.output});
                 const bool ok = kept.ok();
                 table.set_value(std::move(kept));
                 if (!ok) return;
                 StatusOr<pid_t> started = StartChild(path, arguments, streams);
                 const pid_t pid = started.value_or(0);
                 child.set_value(std::move(started));
                 // Whoever sees the other ends of these closed finds the answer there.
                 KeepStandardDescriptors().IgnoreError();
                 if (pid > 0) AwaitEnd(pid);
               }),
               StrCat("start ", path)));
  RETURN_IF_ERROR(Annotate(has_table.get(), StrCat("start ", path)));
  return starting;
}

bool StartingProcess::IsDone() const {
  return child_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

StatusOr<Process> StartingProcess::Take() {
  ASSIGN_OR_RETURN(const pid_t pid, child_.get());
  return Process::Adopt(pid);
}

}  // namespace faultd

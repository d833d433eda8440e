#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <future>
#include <system_error>
#include <utility>

#include "base/strings.h"

namespace faultd {

StatusOr<std::thread> StartThread(absl::AnyInvocable<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  StatusOr<std::thread> thread;
  try {
    thread.emplace(std::move(run));
  } catch (const std::system_error& error) {
    thread = absl::ResourceExhaustedError(
        StrCat("start a thread: ", error.code().message(),
               " (the process table is full, or a limit on tasks or memory is reached)"));
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

Status StartDetachedThread(absl::AnyInvocable<void()> run) {
  ASSIGN_OR_RETURN(std::thread thread, StartThread(std::move(run)));
  thread.detach();
  return absl::OkStatus();
}

StatusOr<std::thread> StartDiskThread(absl::AnyInvocable<void()> run) {
  std::promise<int> unshared;
  std::future<int> error = unshared.get_future();
  ASSIGN_OR_RETURN(std::thread thread,
                   StartThread([unshared = std::move(unshared), run = std::move(run)]() mutable {
                     const int failure = unshare(CLONE_FILES) == 0 ? 0 : errno;
                     unshared.set_value(failure);
                     if (failure == 0) run();
                   }));
  if (const int failure = error.get(); failure != 0) {
    thread.join();
    return absl::ResourceExhaustedError(
        StrCat("give a thread a table of descriptors: ", strerror(failure)));
  }
  return thread;
}

void KeepStandardDescriptors() {
  constexpr unsigned kUnshare = 1U << 1;  // CLOSE_RANGE_UNSHARE
  syscall(SYS_close_range, 3U, UINT_MAX, kUnshare);
}

}  // namespace faultd

#include "base/threads.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <future>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
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
  if (syscall(SYS_close_range, 3U, UINT_MAX, kUnshare) == 0) return;
  // A kernel before 5.9.
  if (unshare(CLONE_FILES) != 0) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir("/proc/thread-self/fd"), closedir);
  if (open == nullptr) return;
  std::vector<int> others;
  while (const dirent* entry = readdir(open.get())) {
    int number = 0;
    if (absl::SimpleAtoi(entry->d_name, &number) && number > STDERR_FILENO &&
        number != dirfd(open.get()))
      others.push_back(number);
  }
  for (const int number : others) close(number);
}

}  // namespace faultd

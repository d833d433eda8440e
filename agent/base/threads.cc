#include "base/threads.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
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
namespace {

Status NoTable(int error) {
  return absl::ResourceExhaustedError(
      StrCat("give a thread a table of descriptors: ", strerror(error)));
}

// Those from `first` on, without `end`; false on a kernel before 5.9.
bool CloseRange(int first, int end) {
  if (first == end) return true;
  return syscall(SYS_close_range, static_cast<unsigned>(first), static_cast<unsigned>(end) - 1,
                 0U) == 0;
}

// All but the standard ones and these.
void CloseAllBut(const std::vector<int>& kept) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir("/proc/thread-self/fd"), closedir);
  if (open == nullptr) return;
  std::vector<int> others;
  while (const dirent* entry = readdir(open.get())) {
    int number = 0;
    if (absl::SimpleAtoi(entry->d_name, &number) && number > STDERR_FILENO &&
        number != dirfd(open.get()) && std::ranges::find(kept, number) == kept.end())
      others.push_back(number);
  }
  for (const int number : others) close(number);
}

}  // namespace

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
    return NoTable(failure);
  }
  return thread;
}

Status KeepStandardDescriptors(std::vector<int> others) {
  if (unshare(CLONE_FILES) != 0) return NoTable(errno);
  std::ranges::sort(others);
  int next = STDERR_FILENO + 1;
  bool closed = true;
  for (const int kept : others) {
    if (kept < next) continue;
    closed = closed && CloseRange(next, kept);
    next = kept + 1;
  }
  if (!closed || !CloseRange(next, INT_MAX)) CloseAllBut(others);
  return absl::OkStatus();
}

}  // namespace faultd

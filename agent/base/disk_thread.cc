#include "base/disk_thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <future>
#include <system_error>
#include <utility>

namespace faultd {

std::thread StartDiskThread(std::function<void()> run) {
  std::promise<int> unshared;
  std::future<int> error = unshared.get_future();
  // Signals are for the threads that wait for them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  try {
    thread = std::thread([unshared = std::move(unshared), run = std::move(run)]() mutable {
      const int failure = unshare(CLONE_FILES) == 0 ? 0 : errno;
      unshared.set_value(failure);
      if (failure == 0) run();
    });
  } catch (const std::system_error&) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (const int failure = error.get(); failure != 0) {
    thread.join();
    throw std::system_error(failure, std::generic_category(), "unshare descriptors");
  }
  return thread;
}

void KeepStandardDescriptors() {
  constexpr unsigned kUnshare = 1U << 1;  // CLOSE_RANGE_UNSHARE
  syscall(SYS_close_range, 3U, UINT_MAX, kUnshare);
}

}  // namespace faultd

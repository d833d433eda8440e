#include "ctl/stop_watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace faultd::ctl {

StopWatcher::StopWatcher(int stop_fd, std::chrono::milliseconds tick, std::function<void()> on_stop,
                         std::function<void()> on_tick)
    : stop_fd_(stop_fd),
      tick_ms_(tick.count() == 0 ? -1 : static_cast<int>(tick.count())),
      on_stop_(std::move(on_stop)),
      on_tick_(std::move(on_tick)),
      done_(eventfd(0, EFD_CLOEXEC)),
      thread_([this] { Run(); }) {}

StopWatcher::~StopWatcher() {
  eventfd_write(done_.get(), 1);
  thread_.join();
}

void StopWatcher::Run() {
  for (;;) {
    pollfd fds[] = {{done_.get(), POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    const int ready = poll(fds, 2, tick_ms_);
    if (ready < 0 && errno != EINTR) return;
    if (ready == 0) on_tick_();
    if (ready <= 0) continue;
    if (fds[0].revents != 0) return;
    signalfd_siginfo signal{};
    if (read(stop_fd_, &signal, sizeof(signal)) > 0) on_stop_();
  }
}

StatusOr<UniqueFd> CatchStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action{};
    // A signalfd would also report those that are ignored.
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN)
      sigaddset(&signals, signal);
  }
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return ErrnoStatus(errno, "block signals");
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, "create signalfd");
  return fd;
}

}  // namespace faultd::ctl

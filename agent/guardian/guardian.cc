#include "guardian/guardian.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file_io.h"
#include "base/log.h"
#include "base/strings.h"
#include "engine/recovery.h"
#include "guardian/deadlines.h"
#include "kernel/file_lock.h"
#include "kernel/process.h"

namespace faultd {
namespace {

// How long a record may outlive its deadline before the daemon counts as hanging.
constexpr std::chrono::seconds kGrace{2};

// Everything that putting the host back needs, opened beforehand: at a crash there may be no memory
// and no descriptors to be had.
class Reverter {
 public:
  static StatusOr<std::unique_ptr<Reverter>> Open(const StatePaths& paths) {
    auto reverter = std::make_unique<Reverter>();
    reverter->paths_ = paths;
    ASSIGN_OR_RETURN(reverter->boot_id_, ReadBootId());
    ASSIGN_OR_RETURN(reverter->directory_, OpenDirectory(paths.journal()));
    ASSIGN_OR_RETURN(reverter->kernel_, OpenLinuxKernelForRemoval(paths.directory));
    return reverter;
  }

  // Tries until nothing is left, some seconds at most: after that the next start goes on.
  Status Run(const RecoveryLog& log, const SeenGone& seen_gone) {
    constexpr int kTries = 8;
    NetworkPlane network(*kernel_, clock_);
    Host host{*kernel_, network};
    Journal journal(*directory_);
    Status status;
    for (int i = 0; i < kTries; ++i) {
      status = Recover(journal, host, boot_id_, log, seen_gone);
      if (status.ok()) break;
      log(StrCat("not done yet: ", ToStd(status.message())), {});
      std::this_thread::sleep_for(std::chrono::milliseconds(20 << i));
    }
    for (const std::string& directory : {paths_.directory, paths_.journal()})
      RemoveHalfWritten(directory).IgnoreError();  // the next start tries again
    return status;
  }

  const std::string& boot_id() const { return boot_id_; }

 private:
  SystemClock clock_;
  StatePaths paths_;
  std::string boot_id_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<Kernel> kernel_;
};

void ProtectFromMemoryPressure() {
  mlockall(MCL_CURRENT | MCL_FUTURE);
  // Both are best effort: without privilege the guardian still works.
  (void)WriteSmallFile("/proc/self/oom_score_adj", "-1000").ok();
}

UniqueFd MakeTimer() {
  return UniqueFd(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
}

void SetTimer(const UniqueFd& timer, std::optional<BootTime> when) {
  itimerspec spec{};
  if (when) {
    spec.it_value.tv_sec = when->count() / 1'000'000'000;
    spec.it_value.tv_nsec = when->count() % 1'000'000'000;
  }
  timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

// Takes in what the daemon says: "+id" when a fault begins, "~id" now and then while something of
// it is on its way out, "=id" when that waits for a file system to be mounted, "-id" when it was
// seen gone. Answers NOT_FOUND when the daemon's end is closed, other errors when there never was
// one.
Status Listen(int daemon_says, DeadlineWatch& deadlines) {
  char word[256];
  for (;;) {
    const ssize_t length = recv(daemon_says, word, sizeof(word), MSG_DONTWAIT);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) return absl::OkStatus();
    if (length < 0) return ErrnoStatus(errno, "listen to the daemon");
    if (length == 0) return absl::NotFoundError("the daemon is gone");
    const std::string id(word + 1, static_cast<size_t>(length) - 1);
    if (word[0] == '+') deadlines.NoteBegun(id);
    if (word[0] == '~') deadlines.NoteGoing(id, SystemClock().Now());
    if (word[0] == '-') deadlines.NoteGone(id);
    if (word[0] == '=') deadlines.NoteGoing(id, DeadlineWatch::kNever);
  }
}

// What was done. It is told once that is over and the lock is free: a disk with the log may stall.
class Story {
 public:
  struct Line {
    spdlog::level::level_enum level;
    std::string text;
    LogSubject about;
  };

  void Add(spdlog::level::level_enum level, const std::string& text, const LogSubject& about = {}) {
    lines_.push_back({level, text, about});
  }
  RecoveryLog Log() {
    return [this](const std::string& text, const LogSubject& about) {
      Add(spdlog::level::warn, text, about);
    };
  }
  void Tell() const {
    for (const Line& line : lines_) {
      const LogAbout fault(line.about);
      spdlog::log(line.level, "{}", line.text);
    }
  }
  const std::vector<Line>& lines() const { return lines_; }

 private:
  std::vector<Line> lines_;
};

std::optional<BootTime> WhenToLook(const DeadlineWatch& deadlines) {
  std::optional<BootTime> when = deadlines.Earliest();
  if (when) *when += kGrace;
  if (!deadlines.Polls()) return when;
  const BootTime soon = SystemClock().Now() + std::chrono::seconds(1);
  return when ? std::min(*when, soon) : soon;
}

// Returns when the daemon is gone, having killed it if it hangs.
void WaitForDeath(const Process& daemon, DeadlineWatch& deadlines, const UniqueFd& timer,
                  Story& story) {
  int daemon_says = STDIN_FILENO;
  for (;;) {
    SetTimer(timer, WhenToLook(deadlines));
    pollfd events[] = {{daemon.fd(), POLLIN, 0},
                       {deadlines.fd(), POLLIN, 0},
                       {timer.get(), POLLIN, 0},
                       {daemon_says, POLLIN, 0}};
    if (poll(events, std::size(events), -1) < 0 && errno != EINTR) return;
    // First: it says that a fault is gone before it removes the record.
    const Status heard = Listen(daemon_says, deadlines);
    if (events[0].revents != 0) return;
    // A daemon that was killed is not gone as long as a thread of it waits for a disk that stalls.
    // Its lock is.
    if (absl::IsNotFound(heard)) return;
    if (!heard.ok()) daemon_says = -1;
    deadlines.Update();
    const auto overdue = deadlines.Earliest();
    if (overdue && SystemClock().Now() >= *overdue + kGrace) {
      story.Add(spdlog::level::err,
                "a fault is past its lease and still there; the daemon hangs, killing it");
      if (Status killed = daemon.Signal(SIGKILL); !killed.ok())
        story.Add(spdlog::level::err, std::string(killed.message()));
      (void)daemon.WaitUntilGone(10'000).ok();
      return;
    }
  }
}

Status RevertWithLock(const StatePaths& paths, std::chrono::milliseconds longest, Story& story) {
  StatusOr<FileLock> lock = FileLock::Acquire(paths.lock(), longest);
  if (absl::IsUnavailable(lock.status())) {
    return absl::UnavailableError(StrCat("a running faultd holds ", paths.lock(),
                                         "; use `faultctl revert --all`, or stop it first"));
  }
  RETURN_IF_ERROR(lock.status());
  ASSIGN_OR_RETURN(const auto reverter, Reverter::Open(paths));
  return reverter->Run(story.Log(), [](const std::string&) { return false; });
}

// The same with what a guardian has opened before.
Status RevertWithLock(const StatePaths& paths, Reverter& reverter, const DeadlineWatch& deadlines,
                      Story& story) {
  // Another process that holds the lock has the duty to recover. Waiting for it all the same covers
  // the case that it dies before it does.
  constexpr std::chrono::minutes kLongestWait{1};
  const StatusOr<FileLock> lock = FileLock::Acquire(paths.lock(), kLongestWait);
  if (absl::IsUnavailable(lock.status())) return absl::OkStatus();  // another daemon took over
  RETURN_IF_ERROR(lock.status());
  return reverter.Run(story.Log(), [&](const std::string& id) { return deadlines.IsGone(id); });
}

}  // namespace

Status RevertOnce(const StatePaths& paths, int wait_ms) {
  // As below: systemd runs this in the unit, too. And whoever reads what is printed may go.
  for (int ignored : {SIGUSR1, SIGPIPE}) signal(ignored, SIG_IGN);
  const auto longest =
      wait_ms < 0 ? std::chrono::hours(24 * 365) : std::chrono::milliseconds(wait_ms);
  Story story;
  const Status status =
      RevertWithLock(paths, std::chrono::duration_cast<std::chrono::milliseconds>(longest), story);
  if (status.ok() && story.lines().empty()) printf("nothing to revert\n");
  if (LogsToJournal()) {
    story.Tell();
  } else {
    // By hand, what was done is the output.
    for (const Story::Line& line : story.lines()) printf("%s\n", line.text.c_str());
  }
  return status;
}

Status WatchDaemon(const StatePaths& paths, pid_t pid) {
  // It must outlive everything that ends the daemon, a terminal's Ctrl-C, systemd's SIGTERM and its
  // watchdog's SIGABRT included, and a safety lever's SIGUSR1 to the whole unit.
  for (int ignored : {SIGTERM, SIGABRT, SIGINT, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR1})
    signal(ignored, SIG_IGN);
  setsid();
  const StatusOr<Process> daemon = Process::Open(pid);
  // A daemon that dies while its guardian starts needs it all the more.
  const bool orphan = getppid() != pid;
  if (!orphan) RETURN_IF_ERROR(daemon.status());
  ASSIGN_OR_RETURN(const auto reverter, Reverter::Open(paths));
  ASSIGN_OR_RETURN(DeadlineWatch deadlines,
                   DeadlineWatch::Open(paths.journal(), reverter->boot_id()));
  const UniqueFd timer = MakeTimer();
  if (!timer.valid()) return ErrnoStatus(errno, "timerfd_create");
  ProtectFromMemoryPressure();
  // Nobody reads it when the daemon has died meanwhile, which the wait notices.
  (void)WriteAll(STDOUT_FILENO, "ready\n", "ready").ok();
  close(STDOUT_FILENO);

  Story story;
  if (!orphan) WaitForDeath(*daemon, deadlines, timer, story);
  const Status status = RevertWithLock(paths, *reverter, deadlines, story);
  story.Tell();
  return status;
}

}  // namespace faultd

#include "kernel/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace faultd {

// glibc has wrappers for pidfd_* only since 2.36, which is newer than some distributions we run on.
StatusOr<Process> Process::Open(pid_t pid) {
  UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));  // always close-on-exec
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open process ", pid));
  return Process(pid, std::move(fd));
}

StatusOr<Process> Process::Adopt(pid_t child) {
  StatusOr<Process> process = Open(child);
  if (!process.ok()) {
    // Without descriptors to be had nobody could watch it. It is our child, so the number is its.
    kill(child, SIGKILL);
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  return process;
}

Status Process::Signal(int signal) const {
  if (syscall(SYS_pidfd_send_signal, fd_.get(), signal, nullptr, 0) != 0) {
    return ErrnoStatus(errno, StrCat("send signal ", signal, " to process ", pid_));
  }
  return absl::OkStatus();
}

Status Process::WaitUntilGone(int timeout_ms) const {
  pollfd gone{fd_.get(), POLLIN, 0};
  int ready;
  do {
    ready = poll(&gone, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return ErrnoStatus(errno, StrCat("wait for process ", pid_));
  if (ready == 0) return absl::DeadlineExceededError(StrCat("process ", pid_, " is still there"));
  return absl::OkStatus();
}

bool Process::IsGone() const { return WaitUntilGone(0).ok(); }

std::string Process::Reap() const {
  siginfo_t info{};
  int result;
  do {
    result = waitid(static_cast<idtype_t>(P_PID), static_cast<id_t>(pid_), &info, WEXITED);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return "gone";
  return info.si_code == CLD_EXITED ? StrCat("exited with ", info.si_status)
                                    : StrCat("killed by signal ", info.si_status);
}

StatusOr<pid_t> StartChild(const std::string& path, const std::vector<std::string>& arguments,
                           const Streams& streams) {
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (streams.input >= 0) {
    posix_spawn_file_actions_adddup2(&actions, streams.input, STDIN_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  if (streams.output >= 0)
    posix_spawn_file_actions_adddup2(&actions, streams.output, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, path.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoStatus(error, StrCat("start ", path));
  return pid;
}

}  // namespace faultd

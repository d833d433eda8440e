#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace faultd {

// A process, named so that it cannot be mistaken for a later one with the same number
// (pidfd_open(2), Linux 5.3). The descriptor is readable once the process is gone.
class Process {
 public:
  static StatusOr<Process> Open(pid_t pid);
  // A child that was not waited for yet. When it cannot be opened, it is killed and waited for.
  static StatusOr<Process> Adopt(pid_t child);

  pid_t pid() const { return pid_; }
  int fd() const { return fd_.get(); }
  Status Signal(int signal) const;
  // Waits until the process is gone, at most `timeout_ms` (-1: for ever). DEADLINE_EXCEEDED.
  Status WaitUntilGone(int timeout_ms) const;
  bool IsGone() const;
  // Takes the exit status of a child that is gone, in words: "exited with 1", "killed by signal 9".
  std::string Reap() const;

 private:
  Process(pid_t pid, UniqueFd fd) : pid_(pid), fd_(std::move(fd)) {}
  pid_t pid_ = 0;
  UniqueFd fd_;
};

// Descriptors of the caller that become a new process's own; -1: /dev/null as input, and the
// caller's output.
struct Streams {
  int input = -1;
  int output = -1;
};

// Starts a program by exec, and answers with its number; never by a bare fork, which would keep
// descriptors such as the lock's. Standard error and the environment are shared. Signals are reset.
// Must be waited for. Until the program is executed the caller waits and the child has all
// descriptors of the caller: StartingProcess is for those who cannot afford that.
StatusOr<pid_t> StartChild(const std::string& path, const std::vector<std::string>& arguments,
                           const Streams& streams);

}  // namespace faultd

#include "daemon/guardian_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace faultd {
namespace {

Status WaitForReady(int fd) {
  constexpr int kTimeoutMs = 10'000;
  pollfd ready{fd, POLLIN, 0};
  int count;
  do {
    count = poll(&ready, 1, kTimeoutMs);
  } while (count < 0 && errno == EINTR);
  char byte = 0;
  if (count == 1 && read(fd, &byte, 1) == 1) return absl::OkStatus();
  return absl::UnavailableError(count == 0 ? "it is not on guard after 10 s" : "it ended at once");
}

}  // namespace

Status GuardianProcess::Start() {
  RETURN_IF_ERROR(Annotate(Spawn(), "start the guardian"));
  WaitForEnd();
  return absl::OkStatus();
}

Status GuardianProcess::Spawn() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  ASSIGN_OR_RETURN(
      Process process,
      Process::Spawn(program_, {"--watch", StrCat(getpid()), "--state-dir", state_dir_},
                     {.output = write_end.get()}));
  write_end.Reset();
  if (Status ready = WaitForReady(read_end.get()); !ready.ok()) {
    (void)process.Signal(SIGKILL).ok();
    return Annotate(ready, StrCat(program_, " ", process.Reap()));
  }
  process_ = std::move(process);
  return absl::OkStatus();
}

void GuardianProcess::WaitForEnd() {
  gone_.assign(fcntl(process_->fd(), F_DUPFD_CLOEXEC, 3));
  gone_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [this](const boost::system::error_code& error) {
                     if (error) return;
                     gone_.close();
                     spdlog::error("the guardian (process {}) {}; starting another",
                                   process_->pid(), process_->Reap());
                     process_.reset();
                     Restart();
                   });
}

void GuardianProcess::Restart() {
  constexpr std::chrono::seconds kPause{1};
  Status started = Start();
  if (started.ok()) return;
  spdlog::error("{}; trying again in 1 s", std::string(started.message()));
  loop_.At(SystemClock().Now() + kPause, [this] { Restart(); });
}

void GuardianProcess::StopWatching() {
  boost::system::error_code ignored;
  gone_.close(ignored);
}

}  // namespace faultd

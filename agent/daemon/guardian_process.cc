#include "daemon/guardian_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/strings.h"

namespace faultd {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr std::chrono::seconds kLongestStart{10};
constexpr std::chrono::milliseconds kPollInterval{10};

// What it says is "ready", or nothing because it has ended.
bool SaysReady(int fd) {
  char byte = 0;
  return read(fd, &byte, 1) == 1;
}

Status WaitUntilReady(int fd) {
  pollfd ready{fd, POLLIN, 0};
  int count;
  do {
    count = poll(&ready, 1, std::chrono::milliseconds(kLongestStart).count());
  } while (count < 0 && errno == EINTR);
  if (count == 1 && SaysReady(fd)) return absl::OkStatus();
  return absl::UnavailableError(count == 0 ? "it is not on guard after 10 s" : "it ended at once");
}

std::string NotExecuted(const std::string& program) {
  return StrCat("the guardian is not executed after 10 s: the disk with ", program,
                " does not answer, it seems");
}

}  // namespace

Status GuardianProcess::Start() {
  ASSIGN_OR_RETURN(const UniqueFd output, Spawn());
  starting_->WaitForStreams();
  const Status ready = WaitUntilReady(output.get());
  if (!ready.ok() && !starting_->IsDone()) return absl::UnavailableError(NotExecuted(program_));
  RETURN_IF_ERROR(TakeProcess());
  if (!ready.ok()) {
    (void)process_->Signal(SIGKILL).ok();
    return Annotate(ready, StrCat("start the guardian: ", program_, " ", process_->Reap()));
  }
  on_guard_ = true;
  WaitForEnd();
  return absl::OkStatus();
}

StatusOr<UniqueFd> GuardianProcess::Spawn() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "start the guardian: pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return ErrnoStatus(errno, "start the guardian: make a socket pair");
  listener_ = UniqueFd(ends[0]);
  UniqueFd guardians_end(ends[1]);
  StatusOr<StartingProcess> starting =
      StartingProcess::Start(program_, {"--watch", StrCat(getpid()), "--state-dir", state_dir_},
                             std::move(guardians_end), std::move(write_end));
  RETURN_IF_ERROR(Annotate(starting.status(), "start the guardian"));
  starting_ = *std::move(starting);
  return read_end;
}

Status GuardianProcess::TakeProcess() {
  StatusOr<Process> process = starting_->Take();
  starting_.reset();
  RETURN_IF_ERROR(Annotate(process.status(), "start the guardian"));
  process_ = *std::move(process);
  return absl::OkStatus();
}

// One that does not listen believes what the records say, which is safe.
void GuardianProcess::Tell(const std::string& id, Engine::RecordNews news) {
  std::string word = "+";
  if (news == Engine::RecordNews::kGoing) word = "~";
  if (news == Engine::RecordNews::kGone) word = "-";
  if (news == Engine::RecordNews::kWaits) word = "=";
  word += id;
  (void)send(listener_.get(), word.data(), word.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void GuardianProcess::Restart() {
  StatusOr<UniqueFd> output = Spawn();
  if (!output.ok()) return RestartLater(output.status());
  LetGoOfStreams();
  WaitForReady(*std::move(output));
}

void GuardianProcess::LetGoOfStreams() {
  if (starting_ && !starting_->HasStreams())
    loop_.At(SystemClock().Now() + kPollInterval, [this] { LetGoOfStreams(); });
}

void GuardianProcess::RestartLater(const Status& failure) {
  constexpr std::chrono::seconds kPause{1};
  spdlog::error("{}; trying again in 1 s", std::string(failure.message()));
  loop_.At(SystemClock().Now() + kPause, [this] { Restart(); });
}

void GuardianProcess::WaitForReady(UniqueFd output) {
  ready_.assign(output.Release());
  ready_.async_wait(stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error || !ready_.is_open()) return;
    loop_.Cancel(std::exchange(too_late_, Loop::kNoTimer));
    const bool ready = SaysReady(ready_.native_handle());
    ready_.close();
    TakeWhenDone(ready);
  });
  WaitLonger();
}

void GuardianProcess::TakeWhenDone(bool ready) {
  if (!starting_->IsDone()) {
    loop_.At(SystemClock().Now() + kPollInterval, [this, ready] { TakeWhenDone(ready); });
    return;
  }
  if (Status taken = TakeProcess(); !taken.ok()) return RestartLater(taken);
  on_guard_ = ready;
  WaitForEnd();
}

void GuardianProcess::WaitLonger() {
  too_late_ = loop_.At(SystemClock().Now() + kLongestStart, [this] { IsLate(); });
}

void GuardianProcess::IsLate() {
  too_late_ = Loop::kNoTimer;
  if (!starting_->IsDone()) {
    spdlog::error("{}", NotExecuted(program_));
    return WaitLonger();
  }
  ready_.close();
  if (Status taken = TakeProcess(); !taken.ok()) return RestartLater(taken);
  spdlog::error("the guardian (process {}) is not on guard after 10 s; killing it",
                process_->pid());
  (void)process_->Signal(SIGKILL).ok();
  WaitForEnd();
}

void GuardianProcess::WaitForEnd() {
  gone_.assign(fcntl(process_->fd(), F_DUPFD_CLOEXEC, 3));
  gone_.async_wait(stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    gone_.close();
    Ended();
  });
}

void GuardianProcess::Ended() {
  const bool was_on_guard = std::exchange(on_guard_, false);
  const std::string end = StrCat("the guardian (process ", process_->pid(), ") ", process_->Reap());
  process_.reset();
  // One that ends before it is on guard would do so again.
  if (!was_on_guard) return RestartLater(absl::UnavailableError(end));
  spdlog::error("{}; starting another", end);
  Restart();
}

void GuardianProcess::StopWatching() {
  boost::system::error_code ignored;
  gone_.close(ignored);
}

}  // namespace faultd

#include "support/stress_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/proto_status.h"
#include "base/strings.h"
#include "kernel/process.h"

namespace faultd {
namespace {

constexpr int kPatienceMs = 30'000;
constexpr size_t kLongestReport = 64 << 10;

}  // namespace

StatusOr<StressProcess> StressProcess::Start(const std::string& binary,
                                             const v1::StressOrder& order) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return ErrnoStatus(errno, "make socket pair");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  ASSIGN_OR_RETURN(const pid_t pid, StartChild(binary,
                                               {"--fault", "bench", "--state-dir", "/nonexistent",
                                                "--parent", StrCat(getpid())},
                                               {.input = theirs.get()}));
  StressProcess process(pid, std::move(ours));
  const std::string packet = order.SerializeAsString();
  if (send(process.socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0)
    return ErrnoStatus(errno, StrCat("send order to ", binary));
  return process;
}

StressProcess::StressProcess(StressProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), socket_(std::move(other.socket_)) {}

StressProcess& StressProcess::operator=(StressProcess&& other) noexcept {
  if (this != &other) {
    Kill();
    pid_ = std::exchange(other.pid_, 0);
    socket_ = std::move(other.socket_);
  }
  return *this;
}

StressProcess::~StressProcess() { Kill(); }

StatusOr<v1::StressReport> StressProcess::NextReport() {
  pollfd readable{socket_.get(), POLLIN, 0};
  int ready;
  do {
    ready = poll(&readable, 1, kPatienceMs);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return ErrnoStatus(errno, "wait for report");
  if (ready == 0) return absl::DeadlineExceededError("no report came");
  std::string packet(kLongestReport, '\0');
  const ssize_t length = recv(socket_.get(), packet.data(), packet.size(), 0);
  if (length < 0) return ErrnoStatus(errno, "receive report");
  if (length == 0) return absl::UnavailableError("the stress process has ended");
  v1::StressReport report;
  if (!report.ParseFromArray(packet.data(), static_cast<int>(length)))
    return absl::InternalError(StrCat("a report of ", length, " bytes is malformed"));
  return report;
}

StatusOr<v1::Effect> StressProcess::NextEffect() {
  ASSIGN_OR_RETURN(const v1::StressReport report, NextReport());
  if (report.has_error()) return FromProto(report.error());
  return report.effect();
}

void StressProcess::Kill() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  Wait();
}

int StressProcess::Close() {
  socket_.Reset();
  return Wait();
}

int StressProcess::Wait() {
  int status = 0;
  if (pid_ == 0) return status;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return status;
}

}  // namespace faultd

#include "stress/stress.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/file_io.h"
#include "base/proto_status.h"
#include "base/strings.h"
#include "stress/load.h"

namespace faultd {
namespace {

constexpr size_t kLongestOrder = 64 << 10;

// The kernel kills this process when the thread that started it ends. It may have ended already.
Status DieWith(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return ErrnoStatus(errno, "set parent-death signal");
  if (getppid() != parent)
    return absl::FailedPreconditionError(StrCat("process ", parent, " is not the parent"));
  return absl::OkStatus();
}

// First to go when memory is short, and no more important than what else runs on the host: what
// started us is, so that it can end us.
Status BeExpendable() {
  RETURN_IF_ERROR(WriteSmallFile("/proc/self/oom_score_adj", "1000"));
  const sched_param normal{};
  if (sched_setscheduler(0, SCHED_OTHER, &normal) != 0)
    return ErrnoStatus(errno, "set scheduling policy");
  // EACCES: it is less important already, because the daemon was started so.
  if (setpriority(PRIO_PROCESS, 0, 0) != 0 && errno != EACCES)
    return ErrnoStatus(errno, "set priority");
  return absl::OkStatus();
}

StatusOr<v1::StressOrder> ReceiveOrder(int socket) {
  std::string packet(kLongestOrder, '\0');
  ssize_t length;
  do {
    length = recv(socket, packet.data(), packet.size(), MSG_TRUNC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return ErrnoStatus(errno, "receive order");
  if (length == 0) return absl::CancelledError("no order came");
  v1::StressOrder order;
  if (static_cast<size_t>(length) > packet.size() ||
      !order.ParseFromArray(packet.data(), static_cast<int>(length))) {
    return absl::InvalidArgumentError(StrCat("an order of ", length, " bytes is malformed"));
  }
  return order;
}

StatusOr<std::unique_ptr<Load>> StartLoad(const v1::StressOrder& order) {
  switch (order.kind_case()) {
    case v1::StressOrder::kCpu:
      return StartCpuLoad(order.cpu());
    case v1::StressOrder::kMemory:
      return StartMemoryLoad(order.memory());
    case v1::StressOrder::kDiskFill:
      return StartDiskFillLoad(order.disk_fill());
    case v1::StressOrder::kDiskIo:
      return StartDiskIoLoad(order.disk_io());
    case v1::StressOrder::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("an order of a kind that this faultd-stress does not know");
}

// A daemon that does not read must not stop the load: a report that finds no room is dropped.
Status Send(int socket, const v1::StressReport& report) {
  const std::string packet = report.SerializeAsString();
  if (send(socket, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
      errno != EAGAIN && errno != EINTR) {
    return ErrnoStatus(errno, "send report");
  }
  return absl::OkStatus();
}

Status SendError(int socket, const Status& error) {
  v1::StressReport report;
  *report.mutable_error() = ToProto(error);
  RETURN_IF_ERROR(Send(socket, report));
  return error;
}

Status KeepReporting(int socket, Load& load) {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  auto next = steady_clock::now();
  for (;;) {
    StatusOr<v1::Effect> effect = load.Observe();
    if (!effect.ok()) return SendError(socket, effect.status());
    v1::StressReport report;
    *report.mutable_effect() = *std::move(effect);
    RETURN_IF_ERROR(Send(socket, report));
    next += std::chrono::seconds(1);
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(next - steady_clock::now());
      if (left.count() <= 0) break;
      pollfd closed{socket, POLLIN, 0};
      // The daemon says nothing after the order: readable means that it is gone.
      if (poll(&closed, 1, static_cast<int>(left.count())) > 0) return absl::OkStatus();
    }
  }
}

}  // namespace

Status RunStress(int socket, pid_t parent) {
  RETURN_IF_ERROR(DieWith(parent));
  RETURN_IF_ERROR(BeExpendable());
  signal(SIGUSR1, SIG_IGN);  // engages the daemon's safety lever, and may be sent to the whole unit
  signal(SIGXFSZ, SIG_IGN);  // a file that may grow no more is an answer of write(2): EFBIG
  ASSIGN_OR_RETURN(const v1::StressOrder order, ReceiveOrder(socket));
  StatusOr<std::unique_ptr<Load>> load = StartLoad(order);
  if (!load.ok()) return SendError(socket, load.status());
  return KeepReporting(socket, **load);
}

}  // namespace faultd

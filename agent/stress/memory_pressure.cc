#include "stress/memory_pressure.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/strings.h"
#include "kernel/cgroup.h"

namespace faultd {
namespace {

// Some process waited for 0.1 s in all within 2 s: shorter windows need CAP_SYS_RESOURCE. The
// kernel wants the NUL as well.
constexpr char kTrigger[] = "some 100000 2000000";

UniqueFd OpenTrigger(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd.valid() && write(fd.get(), kTrigger, sizeof(kTrigger)) < 0) fd.Reset();
  return fd;
}

}  // namespace

StatusOr<PressureWatch> PressureWatch::Open() {
  PressureWatch watch;
  watch.wake_ = UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!watch.wake_.valid()) return ErrnoStatus(errno, "make an event descriptor");
  std::vector<std::string> paths{"/proc/pressure/memory"};
  ASSIGN_OR_RETURN(const OwnCgroups cgroups, OwnCgroups::Read());
  if (const auto place = cgroups.Unified()) {
    for (const std::string& directory : Ancestry(*place))
      paths.push_back(directory + "/memory.pressure");
  }
  for (const std::string& path : paths) {
    if (UniqueFd fd = OpenTrigger(path); fd.valid()) watch.triggers_.push_back(std::move(fd));
  }
  return watch;
}

bool PressureWatch::Wait(std::chrono::nanoseconds time) {
  std::vector<pollfd> polled{{wake_.get(), POLLIN, 0}};
  for (const UniqueFd& trigger : triggers_) polled.push_back({trigger.get(), POLLPRI, 0});
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(time);
  if (poll(polled.data(), polled.size(), static_cast<int>(timeout.count())) <= 0) return false;
  bool pressure = false;
  for (size_t i = triggers_.size(); i > 0; --i) {
    const short events = polled[i].revents;
    // The cgroup is gone.
    if ((events & POLLERR) != 0) triggers_.erase(triggers_.begin() + static_cast<ptrdiff_t>(i - 1));
    pressure = pressure || (events & (POLLPRI | POLLERR)) == POLLPRI;
  }
  return pressure;
}

void PressureWatch::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof(one));
}

}  // namespace faultd

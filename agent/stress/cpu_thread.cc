#include "stress/cpu_thread.h"

#include <sched.h>
#include <sys/prctl.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace faultd {
namespace {

using std::chrono::nanoseconds;

nanoseconds Read(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

// Only one core; large enough for cores that a cpu_set_t has no room for.
class CoreSet {
 public:
  explicit CoreSet(int core) : sets_(static_cast<size_t>(core) / CPU_SETSIZE + 1) {
    CPU_SET_S(static_cast<size_t>(core), bytes(), sets_.data());
  }
  size_t bytes() const { return sets_.size() * sizeof(cpu_set_t); }
  const cpu_set_t* get() const { return sets_.data(); }

 private:
  std::vector<cpu_set_t> sets_;
};

Status CannotStart(int error, std::optional<int> core) {
  const std::string attempt =
      core ? StrCat("start thread on core ", *core) : std::string("start thread");
  if (error == EINVAL && core) {
    return absl::FailedPreconditionError(
        StrCat(attempt, ": the core is offline or not in the cpuset of this process"));
  }
  if (error == EAGAIN) {
    return absl::ResourceExhaustedError(
        StrCat(attempt,
               ": no more threads may be made here; raise TasksMax= of the unit (pids.max of the "
               "cgroup) or kernel.threads-max"));
  }
  return ErrnoStatus(error, attempt);
}

}  // namespace

StatusOr<std::unique_ptr<CpuThread>> CpuThread::Start(std::optional<int> core,
                                                      std::function<void()> body) {
  std::unique_ptr<CpuThread> thread(new CpuThread(std::move(body)));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (core) {
    const CoreSet cores(*core);
    pthread_attr_setaffinity_np(&attributes, cores.bytes(), cores.get());
  }
  pthread_t id{};
  const int error = pthread_create(&id, &attributes, Main, thread.get());
  pthread_attr_destroy(&attributes);
  if (error != 0) return CannotStart(error, core);
  thread->thread_ = id;
  return thread;
}

CpuThread::~CpuThread() {
  if (thread_ != 0) pthread_join(thread_, nullptr);
}

void* CpuThread::Main(void* self) {
  // Sleep to the nanosecond.
  prctl(PR_SET_TIMERSLACK, 1);
  static_cast<CpuThread*>(self)->body_();
  return nullptr;
}

nanoseconds CpuThread::used() const {
  clockid_t clock{};
  return pthread_getcpuclockid(thread_, &clock) == 0 ? Read(clock) : nanoseconds(0);
}

Status CpuThread::MakeIdle() {
  const sched_param none{};
  const int error = pthread_setschedparam(thread_, SCHED_IDLE, &none);
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "set policy SCHED_IDLE");
}

Status PinTo(int core) {
  const CoreSet cores(core);
  if (sched_setaffinity(0, cores.bytes(), cores.get()) != 0)
    return ErrnoStatus(errno, StrCat("bind thread to core ", core));
  return absl::OkStatus();
}

nanoseconds MonotonicNow() { return Read(CLOCK_MONOTONIC); }
nanoseconds ThreadCpuTime() { return Read(CLOCK_THREAD_CPUTIME_ID); }

void SleepUntil(nanoseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const timespec until{seconds.count(), (time - seconds).count()};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

}  // namespace faultd

// Loaded into the shipped programs by LD_PRELOAD: at the n-th operation of a class that a program
// makes, from when the harness says so, the program dies or gets an error. Also moves the wall
// clock that they see. The harness writes its wishes into a file that every process has mapped
// (tests/e2e/hook.py); without FAULTD_TROUBLE_PAGE nothing is changed.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

// Operations, as bits.
constexpr int64_t kFile = 1;
constexpr int64_t kNetlinkSend = 2;
constexpr int64_t kNetlinkReceive = 4;
constexpr int64_t kProcess = 8;
constexpr int64_t kWatch = 16;

// What happens: an errno, or one of these.
constexpr int64_t kDie = -SIGKILL;
constexpr int64_t kCrash = -SIGSEGV;
constexpr int64_t kStop = -SIGSTOP;
constexpr int64_t kInterruptDump = -1000;

// The page that is shared with the harness.
struct Page {
  std::atomic<int64_t> programs;   // bits: 1 faultd, 2 faultd-guardian, 4 faultd-stress
  std::atomic<int64_t> classes;    // bits of operations
  std::atomic<int64_t> countdown;  // operations until it happens; below 1: not armed
  std::atomic<int64_t> times;      // how many operations in a row it happens to
  std::atomic<int64_t> action;
  std::atomic<int64_t> count;    // operations seen that are of these classes and programs
  std::atomic<int64_t> fired;    // how often it happened
  std::atomic<int64_t> shift_s;  // of the wall clock
  std::atomic<int64_t> victim;   // process that it happened to last
};

Page* page = nullptr;
int64_t self = 0;

template <typename Function>
Function* Next(const char* name, Function* /*interposed*/) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Calls the C library's function of this name.
#define REAL(function)                                     \
  ([] {                                                    \
    static const auto next = Next(#function, &::function); \
    return next;                                           \
  }())

__attribute__((constructor)) void Map() {
  const char* path = getenv("FAULTD_TROUBLE_PAGE");
  if (path == nullptr) return;
  const int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) abort();
  void* memory = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) abort();
  const char* name = program_invocation_short_name;
  self = strcmp(name, "faultd") == 0            ? 1
         : strcmp(name, "faultd-guardian") == 0 ? 2
         : strcmp(name, "faultd-stress") == 0   ? 4
                                                : 0;
  page = static_cast<Page*>(memory);
}

// The error that this operation gets, 0 for none; kInterruptDump where that makes sense. Does not
// come back when the process is to die.
int64_t Trouble(int64_t operation) {
  if (page == nullptr || (page->programs & self) == 0 || (page->classes & operation) == 0) return 0;
  ++page->count;
  if (page->countdown <= 0) return 0;
  if (--page->countdown > 0) return 0;
  page->countdown = --page->times > 0 ? 1 : 0;
  ++page->fired;
  page->victim = getpid();
  const int64_t action = page->action;
  if (action == kDie || action == kCrash || action == kStop) {
    const int signal = static_cast<int>(-action);
    if (signal == SIGSEGV) {
      // As the kernel does when memory is touched that is not there: blocked or not.
      ::signal(SIGSEGV, SIG_DFL);
      sigset_t crash;
      sigemptyset(&crash);
      sigaddset(&crash, SIGSEGV);
      pthread_sigmask(SIG_UNBLOCK, &crash, nullptr);
    }
    kill(getpid(), signal);
    if (signal != SIGSTOP) pause();
    return 0;
  }
  return action;
}

bool Fails(int64_t operation) {
  const int64_t error = Trouble(operation);
  if (error <= 0) return false;
  errno = static_cast<int>(error);
  return true;
}

// Logs go to standard error, which is not what is meant.
bool IsFile(int fd) {
  struct stat info{};
  if (page == nullptr || fd <= STDERR_FILENO) return false;
  const int before = errno;
  const bool file = fstat(fd, &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
  errno = before;
  return file;
}

bool IsNetlink(int fd) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  const int before = errno;
  const bool netlink = page != nullptr &&
                       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
                       domain == AF_NETLINK;
  errno = before;
  return netlink;
}

int64_t Shift() { return page == nullptr ? 0 : page->shift_s.load(); }

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return Fails(kFile) ? -1 : REAL(open)(path, flags, mode);
}

int openat(int at, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return Fails(kFile) ? -1 : REAL(openat)(at, path, flags, mode);
}

DIR* opendir(const char* path) { return Fails(kFile) ? nullptr : REAL(opendir)(path); }

DIR* fdopendir(int fd) { return Fails(kFile) ? nullptr : REAL(fdopendir)(fd); }

ssize_t read(int fd, void* data, size_t size) {
  return IsFile(fd) && Fails(kFile) ? -1 : REAL(read)(fd, data, size);
}

ssize_t write(int fd, const void* data, size_t size) {
  return IsFile(fd) && Fails(kFile) ? -1 : REAL(write)(fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return IsFile(fd) && Fails(kFile) ? -1 : REAL(pwrite)(fd, data, size, offset);
}

int fsync(int fd) { return Fails(kFile) ? -1 : REAL(fsync)(fd); }

int fdatasync(int fd) { return Fails(kFile) ? -1 : REAL(fdatasync)(fd); }

int ftruncate(int fd, off_t size) noexcept { return Fails(kFile) ? -1 : REAL(ftruncate)(fd, size); }

int fallocate(int fd, int mode, off_t offset, off_t size) {
  return Fails(kFile) ? -1 : REAL(fallocate)(fd, mode, offset, size);
}

int rename(const char* from, const char* to) noexcept {
  return Fails(kFile) ? -1 : REAL(rename)(from, to);
}

int renameat(int from_at, const char* from, int to_at, const char* to) noexcept {
  return Fails(kFile) ? -1 : REAL(renameat)(from_at, from, to_at, to);
}

int unlink(const char* path) noexcept { return Fails(kFile) ? -1 : REAL(unlink)(path); }

int unlinkat(int at, const char* path, int flags) noexcept {
  return Fails(kFile) ? -1 : REAL(unlinkat)(at, path, flags);
}

int mkdir(const char* path, mode_t mode) noexcept {
  return Fails(kFile) ? -1 : REAL(mkdir)(path, mode);
}

int mkdirat(int at, const char* path, mode_t mode) noexcept {
  return Fails(kFile) ? -1 : REAL(mkdirat)(at, path, mode);
}

int mknodat(int at, const char* path, mode_t mode, dev_t device) noexcept {
  return Fails(kFile) ? -1 : REAL(mknodat)(at, path, mode, device);
}

int statx(int at, const char* path, int flags, unsigned mask, struct statx* info) noexcept {
  return Fails(kFile) ? -1 : REAL(statx)(at, path, flags, mask, info);
}

int inotify_init1(int flags) noexcept { return Fails(kWatch) ? -1 : REAL(inotify_init1)(flags); }

int inotify_add_watch(int fd, const char* path, uint32_t mask) noexcept {
  return Fails(kWatch) ? -1 : REAL(inotify_add_watch)(fd, path, mask);
}

int rmdir(const char* path) noexcept { return Fails(kFile) ? -1 : REAL(rmdir)(path); }

// Not by its name, which is also that of a struct.
int LockFile(int fd, int operation) noexcept __asm__("flock");
int LockFile(int fd, int operation) noexcept {
  static const auto next = reinterpret_cast<int (*)(int, int)>(dlsym(RTLD_NEXT, "flock"));
  return Fails(kFile) ? -1 : next(fd, operation);
}

int socket(int domain, int type, int protocol) noexcept {
  return domain == AF_NETLINK && Fails(kNetlinkSend) ? -1 : REAL(socket)(domain, type, protocol);
}

ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to,
               socklen_t to_size) {
  const bool netlink = to != nullptr && to->sa_family == AF_NETLINK;
  return netlink && Fails(kNetlinkSend) ? -1 : REAL(sendto)(fd, data, size, flags, to, to_size);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return IsNetlink(fd) && Fails(kNetlinkSend) ? -1 : REAL(sendmsg)(fd, message, flags);
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  const bool netlink = IsNetlink(fd);
  const int64_t trouble = netlink ? Trouble(kNetlinkReceive) : 0;
  if (trouble > 0) {
    errno = static_cast<int>(trouble);
    return -1;
  }
  const ssize_t size = REAL(recvmsg)(fd, message, flags);
  if (trouble == kInterruptDump && size >= static_cast<ssize_t>(sizeof(nlmsghdr)) &&
      message->msg_iovlen > 0) {
    auto* header = static_cast<nlmsghdr*>(message->msg_iov[0].iov_base);
    if ((header->nlmsg_flags & NLM_F_MULTI) != 0) header->nlmsg_flags |= NLM_F_DUMP_INTR;
  }
  return size;
}

int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const* argv, char* const* environment) {
  if (Fails(kProcess)) return errno;
  return REAL(posix_spawn)(pid, path, actions, attributes, argv, environment);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  // Its only error for want of anything (pthread_create(3)).
  if (Fails(kProcess)) return EAGAIN;
  return REAL(pthread_create)(thread, attributes, start, argument);
}

int socketpair(int domain, int type, int protocol, int* fds) noexcept {
  return Fails(kProcess) ? -1 : REAL(socketpair)(domain, type, protocol, fds);
}

int pipe2(int* fds, int flags) noexcept { return Fails(kProcess) ? -1 : REAL(pipe2)(fds, flags); }

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const int result = REAL(clock_gettime)(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += Shift();
  return result;
}

int gettimeofday(timeval* now, void* zone) noexcept {
  const int result = REAL(gettimeofday)(now, zone);
  if (result == 0) now->tv_sec += Shift();
  return result;
}

time_t time(time_t* result) noexcept {
  const time_t now = REAL(time)(nullptr) + Shift();
  if (result != nullptr) *result = now;
  return now;
}

// A wait until a time of the shifted clock is one of the kernel's, which is not shifted.
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* until) {
  timespec kernel = *until;
  if (clock == CLOCK_REALTIME) kernel.tv_sec -= Shift();
  return REAL(pthread_cond_clockwait)(condition, mutex, clock, &kernel);
}

long syscall(long number, ...) noexcept {
  va_list rest;
  va_start(rest, number);
  long a[6];
  for (long& each : a) each = va_arg(rest, long);
  va_end(rest);
  timespec until{};
  switch (number) {
    case SYS_openat2:
      if (Fails(kFile)) return -1;
      break;
    case SYS_pidfd_open:
    case SYS_pidfd_send_signal:
      if (Fails(kProcess)) return -1;
      break;
    case SYS_futex:
      if ((a[1] & FUTEX_CLOCK_REALTIME) != 0 && a[3] != 0) {
        until = *std::bit_cast<const timespec*>(a[3]);
        until.tv_sec -= Shift();
        a[3] = reinterpret_cast<long>(&until);
      }
      break;
    default:
      break;
  }
  return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // extern "C"

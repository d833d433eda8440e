#include "kernel/privileges.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "base/threads.h"

namespace faultd {
namespace {

// By name, so that what an architecture or this libseccomp does not know is left out: a new system
// call that libseccomp has no name for is none that we make, but none that can be refused either.
constexpr const char* kRefused[] = {
    // Other processes.
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "kcmp",
    "perf_event_open",
    "userfaultfd",
    // Mounts, and files by handle past the directories above them.
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "open_by_handle_at",
    "quotactl",
    "quotactl_fd",
    "acct",
    // The kernel itself.
    "kexec_load",
    "kexec_file_load",
    "bpf",
    "reboot",
    "syslog",
    "swapon",
    "swapoff",
    "iopl",
    "ioperm",
    "modify_ldt",
    "vm86",
    "vm86old",
    "lookup_dcookie",
    "nfsservctl",
    "create_module",
    "uselib",
    // What is the same for all processes.
    "settimeofday",
    "clock_settime",
    "clock_settime64",
    "adjtimex",
    "clock_adjtime",
    "clock_adjtime64",
    "stime",
    "sethostname",
    "setdomainname",
    "vhangup",
    "personality",
    // Keys of others.
    "add_key",
    "request_key",
    "keyctl",
};

constexpr const char* kModules[] = {"init_module", "finit_module", "delete_module"};

Status Refuse(scmp_filter_ctx filter, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return absl::OkStatus();
  // Not there on this architecture: nothing to refuse.
  const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
  if (error == 0 || error == -EDOM) return absl::OkStatus();
  return ErrnoStatus(-error, StrCat("refuse system call ", name));
}

}  // namespace

Status KeepCapabilities(CapabilitySet keep) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "set no_new_privs");
  for (int number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; ++number) {
    if ((keep & CapabilityBit(number)) != 0 || prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0)
      continue;
    // It takes a capability of its own to make the bounding set smaller, and without it nothing is
    // lost: what is not permitted below cannot be had again.
    if (errno != EPERM) return ErrnoStatus(errno, StrCat("drop capability ", number));
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) != 0) return ErrnoStatus(errno, "read capabilities");
  for (int word = 0; word < 2; ++word) {
    const auto kept = static_cast<uint32_t>(keep >> (32 * word));
    data[word].permitted &= kept;
    data[word].effective &= kept;
    data[word].inheritable &= kept;
  }
  if (syscall(SYS_capset, &header, data) != 0) return ErrnoStatus(errno, "drop capabilities");
  return absl::OkStatus();
}

void TryToKeepCapabilities(CapabilitySet keep, std::string_view thread) {
  if (const Status kept = KeepCapabilities(keep); !kept.ok())
    spdlog::warn("{}: {}", thread, std::string(kept.message()));
}

Status DoWithoutCapabilities(std::function<Status()> work, std::chrono::nanoseconds patience) {
  std::promise<Status> done;
  std::future<Status> status = done.get_future();
  RETURN_IF_ERROR(StartDetachedThread([work = std::move(work), done = std::move(done)]() mutable {
    Status dropped = KeepCapabilities(0);
    done.set_value(dropped.ok() ? work() : std::move(dropped));
  }));
  if (status.wait_for(patience) != std::future_status::ready)
    return absl::DeadlineExceededError("it is not done in time");
  return status.get();
}

Status RefuseSystemCalls(bool load_modules) {
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_ALLOW),
                                                                seccomp_release);
  if (filter == nullptr) return absl::InternalError("make a filter of system calls: out of memory");
  if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL) {
    // Refusing to start would also leave unreverted what is to be reverted.
    spdlog::warn("this kernel was built without seccomp: no system calls are refused");
    return absl::OkStatus();
  }
  for (const char* name : kRefused) RETURN_IF_ERROR(Refuse(filter.get(), name));
  for (const char* name : kModules) {
    if (!load_modules) RETURN_IF_ERROR(Refuse(filter.get(), name));
  }
  if (const int error = seccomp_load(filter.get()); error != 0)
    return ErrnoStatus(-error, "load the filter of system calls");
  return absl::OkStatus();
}

}  // namespace faultd

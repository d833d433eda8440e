#include "kernel/privileges.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

namespace faultd {
namespace {

// Runs `body` in a process of its own, because what it does is for good; answers its exit status.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

// "CapEff" or "CapPrm" of the calling thread.
CapabilitySet Own(const std::string& set) {
  std::ifstream file("/proc/thread-self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(set)) return std::stoull(line.substr(line.find(':') + 1), nullptr, 16);
  }
  return ~CapabilitySet{0};
}

TEST(KeepCapabilitiesTest, TheOthersAreGoneForGood) {
  ASSERT_EQ(geteuid(), 0U);
  const CapabilitySet keep = CapabilityBit(CAP_NET_ADMIN) | CapabilityBit(CAP_CHOWN);
  EXPECT_EQ(InChild([&] {
              if (!KeepCapabilities(keep).ok()) return 1;
              if (Own("CapEff") != keep || Own("CapPrm") != keep) return 2;
              CapabilitySet in_thread = 0;
              std::thread([&] { in_thread = Own("CapEff"); }).join();
              if (in_thread != keep) return 3;
              // Root gets everything by exec, but for this.
              const std::string wanted = "0000000000001001";
              return system(("grep -q CapEff:.*" + wanted + " /proc/self/status").c_str()) == 0 ? 0
                                                                                                : 4;
            }),
            0);
}

TEST(KeepCapabilitiesTest, NoneIsPossible) {
  EXPECT_EQ(InChild([] {
              if (!KeepCapabilities(0).ok()) return 1;
              return unshare(CLONE_NEWNET) == -1 && errno == EPERM ? 0 : 2;
            }),
            0);
}

TEST(KeepCapabilitiesTest, WorkWithoutThemLeavesTheCallerItsOwn) {
  EXPECT_EQ(InChild([] {
              const CapabilitySet before = Own("CapEff");
              CapabilitySet during = before;
              const Status done = DoWithoutCapabilities(
                  [&] {
                    during = Own("CapEff");
                    return absl::OkStatus();
                  },
                  std::chrono::minutes(1));
              return done.ok() && before != 0 && during == 0 && Own("CapEff") == before ? 0 : 1;
            }),
            0);
}

TEST(KeepCapabilitiesTest, WorkThatTakesTooLongIsNotWaitedFor) {
  EXPECT_EQ(InChild([] {
              const auto never = std::make_shared<std::promise<void>>();
              const Status done = DoWithoutCapabilities(
                  [never] {
                    never->get_future().wait();
                    return absl::OkStatus();
                  },
                  std::chrono::milliseconds(1));
              return absl::IsDeadlineExceeded(done) ? 0 : 1;
            }),
            0);
}

int ErrnoFrom(int64_t result) { return result < 0 ? errno : 0; }

TEST(RefuseSystemCallsTest, WhatNobodyNeedsIsRefused) {
  EXPECT_EQ(InChild([] {
              if (!RefuseSystemCalls(/*load_modules=*/true).ok()) return 1;
              if (ErrnoFrom(mount("none", "/", "tmpfs", MS_RDONLY, nullptr)) != EPERM) return 2;
              if (ErrnoFrom(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)) != EPERM) return 3;
              // These would say EFAULT or EINVAL.
              if (ErrnoFrom(syscall(SYS_bpf, -1, nullptr, 0)) != EPERM) return 4;
              if (ErrnoFrom(syscall(SYS_kexec_load, 0, 17, nullptr, 0)) != EPERM) return 5;
              return 0;
            }),
            0);
}

TEST(RefuseSystemCallsTest, ModulesOnlyWhenTheyMayBeLoaded) {
  const auto load = [](bool allowed) {
    return InChild([&] {
      if (!RefuseSystemCalls(allowed).ok()) return 255;
      return ErrnoFrom(syscall(SYS_finit_module, -1, "", 0));
    });
  };
  EXPECT_NE(load(true), EPERM);
  EXPECT_EQ(load(false), EPERM);
}

// What we do need, the networks of the feature probe for one, goes on.
TEST(RefuseSystemCallsTest, ProgramsThatAreStartedHaveItToo) {
  EXPECT_EQ(InChild([] {
              if (!RefuseSystemCalls(false).ok()) return 1;
              if (unshare(CLONE_NEWNET) != 0) return 2;
              return system("mount -t tmpfs none /mnt 2>/dev/null") != 0 ? 0 : 3;
            }),
            0);
}

TEST(RefuseSystemCallsTest, KernelWithoutSeccompIsNoReasonNotToStart) {
  EXPECT_EQ(InChild([] {
              const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(
                  seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
              // What prctl says there.
              if (seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                                   SCMP_A0(SCMP_CMP_EQ, PR_GET_SECCOMP)) != 0 ||
                  seccomp_load(filter.get()) != 0)
                return 1;
              if (!RefuseSystemCalls(/*load_modules=*/true).ok()) return 2;
              return ErrnoFrom(syscall(SYS_bpf, -1, nullptr, 0)) == EPERM ? 3 : 0;
            }),
            0);
}

}  // namespace
}  // namespace faultd

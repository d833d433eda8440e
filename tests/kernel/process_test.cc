#include "kernel/process.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace faultd {
namespace {

TEST(ProcessTest, AdoptLeavesNothingBehindWhenItCannotBeWatched) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none_free{3, 3};
    setrlimit(RLIMIT_NOFILE, &none_free);
    const auto pid = StartChild("/bin/sleep", {"1000"}, {.input = STDIN_FILENO});
    if (!pid.ok()) _exit(1);
    const auto sleeps = Process::Adopt(*pid);
    if (ErrnoOf(sleeps.status()) != EMFILE) _exit(1);
    _exit(waitpid(-1, nullptr, 0) == -1 && errno == ECHILD ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace faultd

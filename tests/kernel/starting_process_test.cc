#include "kernel/starting_process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

std::mutex mutex;
std::condition_variable changed;
bool holds = false;
int error_of_unshare = 0;

}  // namespace

// In place of the C library's: a thread that is about to get its table of descriptors may wait, as
// it does where many others wait for a processor.
extern "C" int unshare(int flags) noexcept {
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [] { return !holds; });
    if (error_of_unshare != 0) {
      errno = error_of_unshare;
      return -1;
    }
  }
  static const auto real = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, "unshare"));
  return real(flags);
}

namespace faultd {
namespace {

class StartingProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours_ = UniqueFd(ends[0]);
    theirs_ = UniqueFd(ends[1]);
  }
  void TearDown() override {
    SetHolding(false);
    error_of_unshare = 0;
  }

  static void SetHolding(bool now) {
    const std::lock_guard lock(mutex);
    holds = now;
    changed.notify_all();
  }

  static void WaitUntilDone(StartingProcess& starting) {
    while (!starting.IsDone()) std::this_thread::yield();
  }

  // What comes out of our end until the other is closed everywhere.
  std::string ReadAll() const {
    std::string all;
    char bytes[64];
    for (;;) {
      pollfd there{ours_.get(), POLLIN, 0};
      if (poll(&there, 1, 10'000) != 1) return all + " (and it is still open)";
      const ssize_t length = read(ours_.get(), bytes, sizeof(bytes));
      if (length <= 0) return all;
      all.append(bytes, static_cast<size_t>(length));
    }
  }

  UniqueFd ours_, theirs_;
};

TEST_F(StartingProcessTest, NobodyWaitsForItsThread) {
  SetHolding(true);
  const int number = theirs_.get();
  auto starting = StartingProcess::Start("/bin/echo", {"here"}, UniqueFd(), std::move(theirs_));
  ASSERT_TRUE(starting.ok()) << starting.status();
  EXPECT_FALSE(starting->HasStreams());
  EXPECT_FALSE(starting->IsDone());
  EXPECT_NE(fcntl(number, F_GETFD), -1);  // or another file would have the number
  SetHolding(false);
  WaitUntilDone(*starting);
  EXPECT_TRUE(starting->HasStreams());
  auto process = starting->Take();
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(ReadAll(), "here\n");
  EXPECT_EQ(process->Reap(), "exited with 0");
}

TEST_F(StartingProcessTest, WaitsForTheStreamsBeforeItLetsGoOfThem) {
  SetHolding(true);
  std::thread release;
  {
    auto starting = StartingProcess::Start("/bin/echo", {"here"}, UniqueFd(), std::move(theirs_));
    ASSERT_TRUE(starting.ok()) << starting.status();
    release = std::thread([] { SetHolding(false); });
  }
  EXPECT_EQ(ReadAll(), "here\n");
  release.join();
}

TEST_F(StartingProcessTest, SaysWhyThereIsNoProcess) {
  auto starting = StartingProcess::Start("/no/such/program", {}, UniqueFd(), std::move(theirs_));
  ASSERT_TRUE(starting.ok()) << starting.status();
  WaitUntilDone(*starting);
  EXPECT_EQ(starting->Take().status().message(),
            "start /no/such/program: No such file or directory");
  EXPECT_EQ(ReadAll(), "");
}

TEST_F(StartingProcessTest, IsNotStartedWithDescriptorsOfOurs) {
  error_of_unshare = ENOMEM;
  auto starting = StartingProcess::Start("/bin/echo", {"here"}, UniqueFd(), std::move(theirs_));
  ASSERT_TRUE(starting.ok()) << starting.status();
  WaitUntilDone(*starting);
  EXPECT_EQ(starting->Take().status(),
            absl::ResourceExhaustedError(
                "start /bin/echo: give a thread a table of descriptors: Cannot allocate memory"));
  EXPECT_EQ(ReadAll(), "");
}

}  // namespace
}  // namespace faultd

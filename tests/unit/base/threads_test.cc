#include "base/threads.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <future>
#include <iterator>
#include <utility>

#include "base/unique_fd.h"

namespace faultd {
namespace {

// Whether the other end of a socket has seen this one closed.
bool IsClosed(int other_end) {
  char byte;
  return recv(other_end, &byte, 1, MSG_DONTWAIT) == 0;
}

// A thread that has been joined closes its descriptors a moment later.
void AwaitClosed(int other_end) {
  char byte;
  EXPECT_EQ(recv(other_end, &byte, 1, 0), 0);
}

TEST(ThreadTest, TakesNoSignals) {
  sigset_t taken;
  sigset_t before;
  sigemptyset(&taken);
  auto thread = StartThread([&] { pthread_sigmask(SIG_SETMASK, nullptr, &taken); });
  ASSERT_EQ(thread.status(), absl::OkStatus());
  thread->join();
  EXPECT_EQ(sigismember(&taken, SIGTERM), 1);
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  EXPECT_EQ(sigismember(&before, SIGTERM), 0);
}

TEST(ThreadTest, RunsWhatItOwns) {
  std::promise<int> promise;
  std::future<int> answer = promise.get_future();
  ASSERT_EQ(
      StartDetachedThread([promise = std::move(promise)]() mutable { promise.set_value(42); }),
      absl::OkStatus());
  EXPECT_EQ(answer.get(), 42);
}

TEST(ThreadTest, SaysWhyItCannot) {
  // A stack larger than there are addresses.
  pthread_attr_t before;
  pthread_attr_t huge;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 50), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  const Status status = StartDetachedThread([] {});
  ASSERT_EQ(pthread_setattr_default_np(&before), 0);
  EXPECT_EQ(status,
            absl::ResourceExhaustedError(
                "start a thread: Resource temporarily unavailable (the process table is full, or a "
                "limit on tasks or memory is reached)"));
}

class DiskThreadTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours.Reset(ends[0]);
    theirs.Reset(ends[1]);
  }
  UniqueFd ours;
  UniqueFd theirs;
  std::promise<void> disk_answers;
};

TEST_F(DiskThreadTest, HoldsNothingThatIsOpenedLater) {
  ours.Reset();
  theirs.Reset();
  std::thread stuck = *StartDiskThread([this] { disk_answers.get_future().wait(); });
  SetUp();
  ours.Reset();
  EXPECT_TRUE(IsClosed(theirs.get()));
  disk_answers.set_value();
  stuck.join();
}

TEST_F(DiskThreadTest, HasWhatWasOpenedBefore) {
  std::thread stuck = *StartDiskThread([this] { disk_answers.get_future().wait(); });
  ours.Reset();
  EXPECT_FALSE(IsClosed(theirs.get()));
  disk_answers.set_value();
  stuck.join();
  AwaitClosed(theirs.get());
}

// The calling thread goes on as on a kernel before 5.9.
void LoseCloseRange() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(filter), .filter = filter};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

TEST_F(DiskThreadTest, OneThatKeepsTheStandardOnesHoldsNoOther) {
  for (const bool old_kernel : {false, true}) {
    SCOPED_TRACE(old_kernel);
    SetUp();
    std::promise<void> kept;
    std::promise<void> answers;
    std::thread stuck([&] {
      if (old_kernel) LoseCloseRange();
      EXPECT_TRUE(KeepStandardDescriptors().ok());
      kept.set_value();
      answers.get_future().wait();
      EXPECT_GE(fcntl(STDERR_FILENO, F_GETFD), 0);
    });
    kept.get_future().wait();
    ours.Reset();
    EXPECT_TRUE(IsClosed(theirs.get()));
    answers.set_value();
    stuck.join();
  }
}

TEST_F(DiskThreadTest, OneThatIsAskedApartHoldsNothingOfOurs) {
  std::promise<void> begun;
  auto answer = AskApart([this, &begun] {
    begun.set_value();
    disk_answers.get_future().wait();
    return 42;
  });
  ASSERT_EQ(answer.status(), absl::OkStatus());
  begun.get_future().wait();
  ours.Reset();
  EXPECT_TRUE(IsClosed(theirs.get()));
  EXPECT_EQ(answer->wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  disk_answers.set_value();
  EXPECT_EQ(answer->get(), 42);
}

TEST(PatientAsker, AsksNothingElseWhileAQuestionHasNoAnswer) {
  const PatientAsker ask(/*most=*/1, std::chrono::milliseconds(10));
  const Status unanswered = absl::DeadlineExceededError("the disk does not answer");
  std::promise<void> answers;
  EXPECT_EQ(ask(
                [&] {
                  answers.get_future().wait();
                  return absl::OkStatus();
                },
                unanswered),
            unanswered);
  bool is_asked = false;
  EXPECT_EQ(ask(
                [&] {
                  is_asked = true;
                  return absl::OkStatus();
                },
                unanswered),
            unanswered);
  EXPECT_FALSE(is_asked);
  answers.set_value();
  StatusOr<int> answer = unanswered;
  while (!answer.ok()) answer = ask([]() -> StatusOr<int> { return 42; }, unanswered);
  EXPECT_EQ(*answer, 42);
}

TEST(PatientAsker, AsksAgainAsSoonAsItHasAnAnswer) {
  const PatientAsker ask(/*most=*/1, std::chrono::hours(1));
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(ask([] { return absl::OkStatus(); }, absl::DeadlineExceededError("too early")),
              absl::OkStatus());
  }
}

TEST_F(DiskThreadTest, OneThatKeepsOthersAsWellHoldsThoseOnly) {
  for (const bool old_kernel : {false, true}) {
    SCOPED_TRACE(old_kernel);
    SetUp();
    UniqueFd our_next = std::move(ours);
    const UniqueFd their_next = std::move(theirs);
    SetUp();
    std::promise<void> kept;
    std::promise<void> answers;
    std::thread stuck([&] {
      if (old_kernel) LoseCloseRange();
      EXPECT_TRUE(KeepStandardDescriptors({our_next.get(), -1, STDIN_FILENO}).ok());
      kept.set_value();
      answers.get_future().wait();
    });
    kept.get_future().wait();
    ours.Reset();
    our_next.Reset();
    EXPECT_TRUE(IsClosed(theirs.get()));
    EXPECT_FALSE(IsClosed(their_next.get()));
    answers.set_value();
    stuck.join();
    AwaitClosed(their_next.get());
  }
}

}  // namespace
}  // namespace faultd

#include "base/disk_thread.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "base/unique_fd.h"

namespace faultd {
namespace {

// Whether the other end of a socket has seen this one closed.
bool IsClosed(int other_end) {
  char byte;
  return recv(other_end, &byte, 1, MSG_DONTWAIT) == 0;
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
  std::thread stuck = StartDiskThread([this] { disk_answers.get_future().wait(); });
  SetUp();
  ours.Reset();
  EXPECT_TRUE(IsClosed(theirs.get()));
  disk_answers.set_value();
  stuck.join();
}

TEST_F(DiskThreadTest, HasWhatWasOpenedBefore) {
  std::thread stuck = StartDiskThread([this] { disk_answers.get_future().wait(); });
  ours.Reset();
  EXPECT_FALSE(IsClosed(theirs.get()));
  disk_answers.set_value();
  stuck.join();
  EXPECT_TRUE(IsClosed(theirs.get()));
}

TEST_F(DiskThreadTest, OneThatKeepsTheStandardOnesHoldsNoOther) {
  std::promise<void> kept;
  std::thread stuck([&] {
    KeepStandardDescriptors();
    kept.set_value();
    disk_answers.get_future().wait();
    EXPECT_GE(fcntl(STDERR_FILENO, F_GETFD), 0);
  });
  kept.get_future().wait();
  ours.Reset();
  EXPECT_TRUE(IsClosed(theirs.get()));
  disk_answers.set_value();
  stuck.join();
}

}  // namespace
}  // namespace faultd

#include "guardian/deadlines.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "engine/journal.h"

namespace faultd {
namespace {

constexpr char kBoot[] = "boot-1";

class DeadlineWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(path_.data()), nullptr);
    directory_ = *OpenDirectory(path_);
    journal_.emplace(*directory_);
  }
  void TearDown() override {
    ASSERT_EQ(seteuid(getuid()), 0);
    std::filesystem::remove_all(path_);
  }

  // All that a user may have: root becomes one that nobody else is.
  std::vector<UniqueFd> TakeAllInotify() {
    constexpr uid_t kNobodyElse = 1'234'567;
    if (getuid() == 0) {
      EXPECT_EQ(chown(path_.c_str(), kNobodyElse, kNobodyElse), 0);
      EXPECT_EQ(seteuid(kNobodyElse), 0);
    }
    std::vector<UniqueFd> all;
    do {
      all.emplace_back(inotify_init1(IN_CLOEXEC));
    } while (all.back().valid());
    return all;
  }

  void Write(const std::string& id, int64_t deadline_ns, const std::string& boot = kBoot) {
    v1::JournalRecord record;
    record.set_id(id);
    record.set_boot_id(boot);
    record.set_deadline_boottime_ns(deadline_ns);
    record.mutable_undo()->mutable_noop();
    ASSERT_EQ(journal_->Write(record), absl::OkStatus());
  }
  void Remove(const std::string& id) { ASSERT_EQ(journal_->Remove(id), absl::OkStatus()); }
  DeadlineWatch Open() { return *DeadlineWatch::Open(path_, kBoot); }

  std::string path_ = testing::TempDir() + "deadlines_testXXXXXX";
  std::unique_ptr<Directory> directory_;
  std::optional<Journal> journal_;
};

TEST_F(DeadlineWatchTest, FollowsTheRecords) {
  Write("a", 500);
  DeadlineWatch watch = Open();
  EXPECT_EQ(watch.Earliest(), BootTime(500));
  Write("b", 300);
  pollfd changed{watch.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&changed, 1, 10'000), 1);
  watch.Update();
  EXPECT_EQ(watch.Earliest(), BootTime(300));
  Write("b", 700);
  watch.Update();
  EXPECT_EQ(watch.Earliest(), BootTime(500));
  Remove("a");
  Remove("b");
  watch.Update();
  EXPECT_EQ(watch.Earliest(), std::nullopt);
}

TEST_F(DeadlineWatchTest, RecordsOfAnotherBootHaveNone) {
  Write("a", 500, "boot-0");
  EXPECT_EQ(Open().Earliest(), std::nullopt);
}

// Containers of the same user may have taken all of it.
TEST_F(DeadlineWatchTest, FollowsTheRecordsWithoutInotify) {
  const auto taken = TakeAllInotify();
  Write("a", 500);
  Write("b", 400);
  DeadlineWatch watch = Open();
  EXPECT_EQ(watch.fd(), -1);
  EXPECT_TRUE(watch.Polls());
  watch.NoteGoing("b", BootTime(900));
  Write("c", 600);
  watch.Update();
  EXPECT_EQ(watch.Earliest(), BootTime(500));
  Remove("a");
  watch.NoteGone("c");
  watch.Update();
  EXPECT_EQ(watch.Earliest(), BootTime(900));
  Remove("b");
  Remove("c");
  Write("d", 700);
  watch.Update();
  EXPECT_EQ(watch.Earliest(), BootTime(700));
  EXPECT_FALSE(watch.IsGone("c"));
}

// Its record may stay for as long as the disk does nothing, which says nothing about the daemon.
TEST_F(DeadlineWatchTest, FaultThatIsGoneHasNone) {
  Write("a", 500);
  Write("b", 700);
  DeadlineWatch watch = Open();
  EXPECT_FALSE(watch.IsGone("a"));
  watch.NoteGone("a");
  EXPECT_TRUE(watch.IsGone("a"));
  EXPECT_EQ(watch.Earliest(), BootTime(700));
  // What was being written then comes late.
  Write("a", 600);
  watch.Update();
  EXPECT_EQ(watch.Earliest(), BootTime(700));
}

TEST_F(DeadlineWatchTest, FaultOnItsWayOutHasALaterOne) {
  Write("a", 500);
  DeadlineWatch watch = Open();
  watch.NoteGoing("a", BootTime(400));
  EXPECT_EQ(watch.Earliest(), BootTime(500));
  watch.NoteGoing("a", BootTime(900));
  EXPECT_EQ(watch.Earliest(), BootTime(900));
  watch.NoteGoing("unknown", BootTime(100));
  EXPECT_EQ(watch.Earliest(), BootTime(900));
  watch.NoteGoing("a", DeadlineWatch::kNever);
  EXPECT_EQ(watch.Earliest(), std::nullopt);
}

TEST_F(DeadlineWatchTest, NextFaultOfThatIdHasOne) {
  Write("a", 500);
  DeadlineWatch watch = Open();
  watch.NoteGone("a");
  Remove("a");
  watch.Update();
  Write("a", 600);
  watch.Update();
  EXPECT_EQ(watch.Earliest(), BootTime(600));
  // One whose record has never come.
  watch.NoteGone("b");
  watch.NoteBegun("b");
  Write("b", 300);
  watch.Update();
  EXPECT_EQ(watch.Earliest(), BootTime(300));
}

}  // namespace
}  // namespace faultd

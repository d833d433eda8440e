#include "base/file_io.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace faultd {
namespace {

TEST(NumberAfterTest, FindsTheLabelAtTheBeginningOfALine) {
  constexpr char kText[] = "MemTotal:       16384 kB\nOldMemTotal: 1 kB\noom_kill 7\nlast\t:\t9";
  EXPECT_EQ(NumberAfter(kText, "MemTotal:"), 16384u);
  EXPECT_EQ(NumberAfter(kText, "OldMemTotal:"), 1u);
  EXPECT_EQ(NumberAfter(kText, "oom_kill "), 7u);
  EXPECT_EQ(NumberAfter(kText, "last\t:"), 9u);
}

TEST(NumberAfterTest, SaysWhenThereIsNone) {
  EXPECT_EQ(NumberAfter("", "a "), std::nullopt);
  EXPECT_EQ(NumberAfter("a b\na -1\na", "a "), std::nullopt);
  EXPECT_EQ(NumberAfter("xa 1", "a "), std::nullopt);
  EXPECT_EQ(NumberAfter("max\na max", "a "), std::nullopt);
}

TEST(WriteSmallFileTest, WritesToAFileThatIsThere) {
  std::string path = testing::TempDir() + "file_io_testXXXXXX";
  const int fd = mkstemp(path.data());
  ASSERT_GE(fd, 0);
  close(fd);
  EXPECT_EQ(WriteSmallFile(path, "-1000"), absl::OkStatus());
  EXPECT_EQ(*ReadSmallFile(path), "-1000");
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_TRUE(absl::IsNotFound(WriteSmallFile(path, "1")));
}

}  // namespace
}  // namespace faultd

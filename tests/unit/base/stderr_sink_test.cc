#include "base/stderr_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/unique_fd.h"

namespace faultd {
namespace {

// With stderr in the place of which a test puts what it reads itself.
class StderrSinkTest : public testing::Test {
 protected:
  ~StderrSinkTest() override { dup2(before_.get(), STDERR_FILENO); }

  void PutPipe() {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    reader_.Reset(ends[0]);
    PutWriter(ends[1]);
    // Writing to it waits, as to those that programs are started with.
    ASSERT_EQ(fcntl(STDERR_FILENO, F_SETFL, 0), 0);
  }
  void PutTerminal() {
    reader_.Reset(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    ASSERT_TRUE(reader_.valid());
    ASSERT_EQ(grantpt(reader_.get()), 0);
    ASSERT_EQ(unlockpt(reader_.get()), 0);
    PutWriter(open(ptsname(reader_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
  void PutFile() {
    const std::string path = testing::TempDir() + "stderr-" + std::to_string(getpid());
    PutWriter(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    reader_.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    unlink(path.c_str());
  }
  void PutWriter(int fd) {
    ASSERT_EQ(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
  }
  std::string Read() {
    std::string text;
    char buffer[4096];
    for (ssize_t size; (size = read(reader_.get(), buffer, sizeof(buffer))) > 0;)
      text.append(buffer, static_cast<size_t>(size));
    return text;
  }
  // Returns how many lines were logged.
  static int LogMuch(spdlog::logger& logger) {
    for (int line = 0; line < 20'000; ++line) logger.info("line {} of many", line);
    return 20'000;
  }

  const UniqueFd before_{dup(STDERR_FILENO)};
  UniqueFd reader_;
};

TEST_F(StderrSinkTest, LinesAreWritten) {
  PutPipe();
  spdlog::logger logger("", MakeStderrSink(FileLog::kByThread));
  logger.set_pattern("%v");
  logger.info("one");
  logger.info("two");
  EXPECT_EQ(Read(), "one\ntwo\n");
}

TEST_F(StderrSinkTest, PipeThatNobodyReadsHoldsNobodyUp) {
  PutPipe();
  spdlog::logger logger("", MakeStderrSink(FileLog::kByThread));
  logger.set_pattern("%v");
  const int logged = LogMuch(logger);
  const std::string taken = Read();
  const auto lines = std::count(taken.begin(), taken.end(), '\n');
  EXPECT_GT(lines, 0);
  EXPECT_LT(lines, logged);
  EXPECT_TRUE(taken.ends_with("of many\n")) << "whole lines";
  logger.info("after that");
  logger.info("and that");
  EXPECT_EQ(Read(), "(" + std::to_string(logged - lines) +
                        " lines of this log were lost: nobody took them)\nafter that\nand that\n");
}

TEST_F(StderrSinkTest, SocketThatNobodyReadsHoldsNobodyUp) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  reader_.Reset(ends[0]);
  PutWriter(ends[1]);
  int taken = 0;
  while (taken < 100'000 && WriteToStderr("a line of a service whose journal hangs\n")) ++taken;
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, 100'000);
}

TEST_F(StderrSinkTest, TerminalThatIsStoppedHoldsNobodyUp) {
  PutTerminal();
  int taken = 0;
  while (taken < 100'000 && WriteToStderr("a line\n")) ++taken;
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, 100'000);
}

TEST_F(StderrSinkTest, NobodyThereToRead) {
  PutPipe();
  reader_.Reset();
  EXPECT_FALSE(WriteToStderr("text"));
}

TEST_F(StderrSinkTest, LinesAreInTheFileWhenTheyAreLogged) {
  PutFile();
  for (const FileLog file : {FileLog::kDirectly, FileLog::kByThread}) {
    spdlog::logger logger("", MakeStderrSink(file));
    logger.set_pattern("%v");
    const int logged = LogMuch(logger);
    const std::string lines = Read();
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), logged);
    EXPECT_TRUE(lines.ends_with("line 19999 of many\n"));
  }
}

TEST_F(StderrSinkTest, LevelsHaveColoursOnATerminal) {
  PutTerminal();
  spdlog::logger logger("", MakeStderrSink(FileLog::kByThread));
  logger.set_pattern("%^%l%$ %v");
  logger.info("text");
  logger.critical("text");
  EXPECT_EQ(Read(), "\033[32minfo\033[m text\r\n\033[1m\033[41mcritical\033[m text\r\n");
}

TEST_F(StderrSinkTest, FilesTakeEverything) {
  PutFile();
  const std::string text(1 << 20, 'x');
  EXPECT_TRUE(WriteToStderr(text));
  EXPECT_EQ(Read(), text);
}

}  // namespace
}  // namespace faultd

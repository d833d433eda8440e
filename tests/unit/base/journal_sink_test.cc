#include "base/journal_sink.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "base/unique_fd.h"

namespace faultd {
namespace {

// A journald's socket, which is read only when asked.
class JournalSinkTest : public testing::Test {
 protected:
  JournalSinkTest() {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    unlink(path_.c_str());
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~JournalSinkTest() override { unlink(path_.c_str()); }

  void Log(const std::string& text) {
    spdlog::logger("test", MakeJournalSink("faultd", path_)).warn("{}", text);
  }

  // The next datagram; empty when there is none.
  std::string Read() {
    char buffer[4096];
    const ssize_t size = recv(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    return {buffer, static_cast<size_t>(size < 0 ? 0 : size)};
  }

  const std::string path_ = testing::TempDir() + "journal-" + std::to_string(getpid());
  const UniqueFd socket_{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_F(JournalSinkTest, LineHasFieldsOfWhatItIsAbout) {
  const LogSubject subject{.fault_id = "f1", .kind = "noop", .state = "ACTIVE", .actor = "root"};
  const LogAbout about(subject);
  Log("text");
  EXPECT_EQ(Read(),
            "MESSAGE=text\nPRIORITY=4\nSYSLOG_IDENTIFIER=faultd\n"
            "FAULT_ID=f1\nKIND=noop\nSTATE=ACTIVE\nACTOR=root\n");
}

TEST_F(JournalSinkTest, TextOfSeveralLinesMakesNoFields) {
  Log("a\nKIND=b");
  EXPECT_EQ(Read(), std::string("MESSAGE\n\x08\0\0\0\0\0\0\0a\nKIND=b\n", 25) +
                        "PRIORITY=4\nSYSLOG_IDENTIFIER=faultd\n");
}

TEST_F(JournalSinkTest, JournalThatTakesNothingHoldsNobodyUp) {
  for (int line = 0; line < 10'000; ++line) Log("text");
  int taken = 0;
  while (!Read().empty()) ++taken;
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, 10'000);
  Log("again");
  EXPECT_TRUE(Read().starts_with("MESSAGE=again\n"));
}

TEST_F(JournalSinkTest, WithoutJournalLinesGoToStderr) {
  unlink(path_.c_str());
  testing::internal::CaptureStderr();
  Log("text");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "<4>text\n");
}

}  // namespace
}  // namespace faultd

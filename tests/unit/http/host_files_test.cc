#include "http/host_files.h"

#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>
#include <thread>

#include "http/pending_call.h"
#include "unit/http/await.h"

namespace faultd {
namespace {

using Text = StatusOr<std::string>;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

class HostFilesTest : public testing::Test {
 protected:
  boost::asio::io_context context_;
};

TEST_F(HostFilesTest, AnswersWhatWasReadElsewhere) {
  std::optional<std::thread::id> reader;
  const Text text = Await(context_, ReadHostFiles([&]() -> Text {
                            reader = std::this_thread::get_id();
                            return "read";
                          }));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "read");
  EXPECT_NE(reader, std::this_thread::get_id());
}

TEST_F(HostFilesTest, PassesErrorsOn) {
  const auto fails = []() -> Text { return absl::NotFoundError("no such file"); };
  EXPECT_EQ(Await(context_, ReadHostFiles(fails)).status(), absl::NotFoundError("no such file"));
}

TEST_F(HostFilesTest, WaitsNoLongerThanAsked) {
  std::promise<void> answer;
  std::promise<void> ended;
  const auto hangs = [&, waits = answer.get_future().share()]() -> Text {
    waits.wait();
    ended.set_value();
    return "late";
  };
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      Await(context_, ReadHostFiles(hangs, steady_clock::now() + milliseconds(10))).status()));
  answer.set_value();
  ended.get_future().wait();
  const auto quick = []() -> Text { return "in time"; };
  EXPECT_EQ(*Await(context_, ReadHostFiles(quick)), "in time");
}

TEST_F(HostFilesTest, NobodyWaitsForOneThatHangs) {
  std::promise<void> answer;
  std::promise<void> ended;
  {
    boost::asio::io_context context;
    const auto hangs = [waits = answer.get_future().share(), &ended]() -> Text {
      waits.wait();
      ended.set_value();
      return "late";
    };
    PendingCall call = StartCall<Text>(context, ReadHostFiles(hangs), [](const Text&) {
      FAIL() << "nobody is there for this answer";
    });
    context.poll();
  }
  answer.set_value();
  ended.get_future().wait();
}

}  // namespace
}  // namespace faultd

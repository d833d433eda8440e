#include "http/name_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <optional>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "unit/http/await.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace faultd {
namespace {

using boost::asio::ip::make_address;
using testing::Contains;

class NameLookupTest : public testing::Test {
 protected:
  StatusOr<NameLookup::Addresses> Find(const std::string& name) {
    std::optional<StatusOr<NameLookup::Addresses>> found;
    const auto work = boost::asio::make_work_guard(context_);
    lookup().Find(name, [&](auto answer) { found = std::move(answer); });
    EXPECT_FALSE(found) << "not within the call";
    RunUntil(context_, [&] { return found.has_value(); });
    return *found;
  }

  NameLookup& lookup() { return boost::asio::use_service<NameLookup>(context_); }

  boost::asio::io_context context_;
};

TEST_F(NameLookupTest, KnowsTheHostsFile) {
  const auto found = Find("localhost");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(*found, Contains(make_address("127.0.0.1")));
}

TEST_F(NameLookupTest, WakesALoopThatWaits) {
  std::promise<void> answer;
  ASSERT_TRUE(lookup().Start([&] { answer.get_future().wait(); }).ok());
  bool found = false;
  lookup().Find("127.0.0.1", [&](const auto&) { found = true; });
  // The loop sleeps until the thread's answer comes, which has no descriptor that is opened here.
  boost::asio::steady_timer longer(context_, kLongEnough);
  longer.async_wait([](const auto&) {});
  boost::asio::post(context_, [&] { answer.set_value(); });
  const auto before = std::chrono::steady_clock::now();
  while (!found) context_.run_one();
  EXPECT_LT(std::chrono::steady_clock::now() - before, kLongEnough);
}

TEST_F(NameLookupTest, AddressesAreTheirOwnNames) {
  EXPECT_EQ(*Find("fd00:9::2"), NameLookup::Addresses{make_address("fd00:9::2")});
}

// Whether there is a name server that could know better depends on the host.
TEST_F(NameLookupTest, SaysWhyNot) {
  const Status status = Find("no-such-name.invalid").status();
  EXPECT_TRUE(absl::IsNotFound(status) || absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message(), "");
}

TEST_F(NameLookupTest, ThreadHasNoDescriptorThatIsOpenedLater) {
  std::promise<pid_t> thread;
  ASSERT_TRUE(lookup().Start([&] { thread.set_value(gettid()); }).ok());
  const UniqueFd later(dup(STDIN_FILENO));
  const std::filesystem::path descriptors =
      StrCat("/proc/self/task/", thread.get_future().get(), "/fd");
  EXPECT_TRUE(std::filesystem::exists(std::filesystem::symlink_status(descriptors / "1")));
  EXPECT_FALSE(std::filesystem::exists(
      std::filesystem::symlink_status(descriptors / std::to_string(later.get()))));
}

TEST_F(NameLookupTest, NobodyWaitsForOneThatHangs) {
  std::promise<void> answer;
  std::promise<void> ended;
  {
    boost::asio::io_context context;
    auto& hangs = boost::asio::use_service<NameLookup>(context);
    auto waits = [answer = answer.get_future().share(), &ended] {
      answer.wait();
      ended.set_value();
    };
    ASSERT_TRUE(hangs.Start(std::move(waits)).ok());
    hangs.Find("localhost", [](const auto&) { FAIL() << "nobody is there for this answer"; });
  }
  answer.set_value();
  ended.get_future().wait();
}

TEST_F(NameLookupTest, BoundsThoseThatWait) {
  std::promise<void> answer;
  ASSERT_TRUE(lookup().Start([&] { answer.get_future().wait(); }).ok());
  size_t found = 0;
  for (int n = 0; n < 1000; ++n) {
    lookup().Find("127.0.0.1", [&](const auto& each) { found += each.ok(); });
  }
  EXPECT_TRUE(absl::IsResourceExhausted(Find("127.0.0.1").status()));
  answer.set_value();
  const auto work = boost::asio::make_work_guard(context_);
  RunUntil(context_, [&] { return found == 1000; });
}

}  // namespace
}  // namespace faultd

#include "daemon/host_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "support/fake_resolver.h"
#include "unit/http/await.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;

class HostResolverTest : public testing::Test {
 protected:
  asio::awaitable<HostResolver::Found> Find(AddressGroup group) {
    asked_.push_back(group.name);
    if (hang_) {
      asio::steady_timer never(co_await asio::this_coro::executor,
                               asio::steady_timer::time_point::max());
      co_await never.async_wait(asio::as_tuple(asio::use_awaitable));
      given_up_ = true;
    }
    co_return answer_;
  }

  HostResolver Make(HostResolver::Options options = {}) {
    return HostResolver(
        loop_, clock_, dns_, [this](AddressGroup group) { return Find(group); }, options);
  }

  // The addresses as text, or the error.
  std::string Resolve(Resolver& resolver, const std::string& name) {
    std::optional<HostResolver::Found> result;
    resolver.Resolve(name, [&](HostResolver::Found found) { result = std::move(found); });
    EXPECT_FALSE(result.has_value()) << "not from within";
    RunUntil(context_, [&] { return result.has_value(); });
    if (!result->ok()) return result->status().ToString();
    std::string text;
    for (const IpPrefix& prefix : **result) text += prefix.ToString() + " ";
    return text;
  }

  asio::io_context context_;
  AsioLoop loop_{context_};
  SystemClock clock_;
  FakeResolver dns_{loop_};
  HostResolver::Found answer_ = std::vector<IpPrefix>{*IpPrefix::Parse("10.0.16.0/20")};
  bool hang_ = false;
  bool given_up_ = false;
  std::vector<std::string> asked_;
};

TEST_F(HostResolverTest, AsksWhoeverKnowsTheName) {
  dns_.Set("db.example", {"10.0.0.1"});
  HostResolver resolver = Make();
  EXPECT_EQ(Resolve(resolver, "db.example"), "10.0.0.1 ");
  EXPECT_EQ(Resolve(resolver, "us-east-1a"), "10.0.16.0/20 ");
  EXPECT_EQ(Resolve(resolver, "S3"), "10.0.16.0/20 ");
  EXPECT_EQ(Resolve(resolver, "s3"), "NOT_FOUND: no such name");
  EXPECT_THAT(asked_, testing::ElementsAre("us-east-1a", "S3"));
}

TEST_F(HostResolverTest, AnswersOfAwsHoldForAWhile) {
  HostResolver resolver = Make();
  answer_ = absl::PermissionDeniedError("no");
  EXPECT_EQ(Resolve(resolver, "S3"), "PERMISSION_DENIED: no");
  answer_ = std::vector<IpPrefix>{*IpPrefix::Parse("10.0.16.0/20")};
  EXPECT_EQ(Resolve(resolver, "S3"), "10.0.16.0/20 ") << "errors do not";
  answer_ = absl::PermissionDeniedError("no");
  EXPECT_EQ(Resolve(resolver, "S3"), "10.0.16.0/20 ");
  EXPECT_EQ(asked_.size(), 2u);
  HostResolver forgetful = Make({.fresh = std::chrono::nanoseconds(0)});
  EXPECT_EQ(Resolve(forgetful, "S3"), "PERMISSION_DENIED: no");
  EXPECT_EQ(Resolve(forgetful, "S3"), "PERMISSION_DENIED: no");
  EXPECT_EQ(asked_.size(), 4u);
}

TEST_F(HostResolverTest, DoesNotWaitForEver) {
  hang_ = true;
  HostResolver resolver = Make({.timeout = std::chrono::milliseconds(1)});
  EXPECT_EQ(Resolve(resolver, "S3"), "DEADLINE_EXCEEDED: no answer of AWS within 1ms");
  RunUntil(context_, [&] { return given_up_; });
}

TEST_F(HostResolverTest, SaysAtOnceThatThereIsNoAws) {
  HostResolver resolver(loop_, clock_, dns_, nullptr, {});
  EXPECT_EQ(
      Resolve(resolver, "use1-az1"),
      "FAILED_PRECONDITION: this host is not an EC2 instance, so it cannot be looked up; give "
      "the addresses as CIDRs");
}

}  // namespace
}  // namespace faultd

#include "aws/credentials.h"

#include "aws/backoff.h"
#include "base/log.h"
#include "base/units.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;
using std::chrono::minutes;

constexpr minutes kAdvisory{15};
constexpr minutes kMandatory{10};

// What the instance metadata gives out past their time is to be used for 10 minutes and a random
// while longer before asking again (SDK reference, "static stability").
std::chrono::nanoseconds StaleLife() { return minutes(12) + Backoff(0, minutes(8), minutes(8)); }

}  // namespace

CredentialCache::CredentialCache(asio::io_context& context,
                                 std::shared_ptr<const SkewedClock> clock, Fetch fetch,
                                 Options options)
    : context_(context),
      clock_(std::move(clock)),
      fetch_(std::move(fetch)),
      options_(options),
      renewed_(context, asio::steady_timer::time_point::max()) {}

std::chrono::nanoseconds CredentialCache::Remaining() const {
  if (!credentials_ || refused_) return std::chrono::nanoseconds::min();
  if (!credentials_->expires) return std::chrono::nanoseconds::max();
  return *credentials_->expires - clock_->WallNow();
}

asio::awaitable<StatusOr<Credentials>> CredentialCache::Get() {
  if (Remaining() <= kAdvisory) {
    if (!renewing_ && clock_->Now() >= not_before_) StartRenewal();
    if (renewing_ && Remaining() <= kMandatory) {
      co_await renewed_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }
  if (credentials_) co_return *credentials_;
  co_return last_error_.ok() ? absl::UnavailableError("no AWS credentials yet") : last_error_;
}

void CredentialCache::Refuse(const Credentials& used) {
  if (refused_ || !credentials_ || !(credentials_->key == used.key)) return;
  refused_ = true;
  not_before_ = {};
}

void CredentialCache::StartRenewal() {
  renewing_ = true;
  const auto self = shared_from_this();
  asio::co_spawn(
      context_, [self]() -> asio::awaitable<void> { co_await self->Renew(); },
      [self](std::exception_ptr failed) {
        if (failed) self->last_error_ = absl::InternalError("credentials: exception");
        self->renewing_ = false;
        self->renewed_.cancel();
      });
}

asio::awaitable<void> CredentialCache::Renew() {
  auto fetched = co_await fetch_();
  if (!fetched.ok()) {
    last_error_ = fetched.status();
    not_before_ = clock_->Now() + options_.first_pause / 2 +
                  Backoff(failures_, options_.first_pause, options_.longest_pause);
    if (failures_++ == 0) {
      spdlog::warn("AWS credentials: {}{}", std::string(last_error_.message()),
                   credentials_ ? "; going on with the old ones" : "");
    }
    co_return;
  }
  const bool same = credentials_ && credentials_->key == fetched->key;
  if (failures_ > 0 || !credentials_) {
    spdlog::info("AWS credentials of {}", fetched->source);
  }
  credentials_ = *std::move(fetched);
  failures_ = 0;
  refused_ = refused_ && same;
  last_error_ = absl::OkStatus();
  not_before_ = {};
  // They must not be asked for at every call.
  if (Remaining() <= kMandatory) {
    not_before_ = clock_->Now() + StaleLife();
    spdlog::warn(
        "AWS credentials of {} have ended or are about to; asking again in {}",
        credentials_->source,
        FormatDuration(std::chrono::floor<std::chrono::seconds>(not_before_ - clock_->Now())));
  } else if (Remaining() <= kAdvisory) {
    not_before_ = clock_->Now() + std::chrono::minutes(1);
  }
}

}  // namespace faultd

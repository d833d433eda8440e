#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "aws/credential_chain.h"
#include "aws/skewed_clock.h"
#include "base/status.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace faultd {

// Keeps credentials and has them renewed before they end: from 15 minutes before on, beside the
// work; from 10 minutes before on, the work waits for it. There is one renewal at a time, whoever
// waits, and a pause after one that failed. What is at hand is used rather than nothing: a fault
// may have cut the way to new ones, and AWS honours credentials a little longer than it says.
class CredentialCache : public std::enable_shared_from_this<CredentialCache> {
 public:
  using Fetch = std::function<boost::asio::awaitable<StatusOr<Credentials>>()>;
  struct Options {
    std::chrono::nanoseconds first_pause = std::chrono::seconds(1);  // after failures, doubling
    std::chrono::nanoseconds longest_pause = std::chrono::minutes(1);
  };

  CredentialCache(boost::asio::io_context& context, std::shared_ptr<const SkewedClock> clock,
                  Fetch fetch, Options options);

  // The error is that of the last attempt when there never were any.
  boost::asio::awaitable<StatusOr<Credentials>> Get();

  // A service has refused `used` as expired: the next Get waits for new ones, unless they are there
  // already.
  void Refuse(const Credentials& used);

 private:
  boost::asio::awaitable<void> Renew();
  void StartRenewal();
  std::chrono::nanoseconds Remaining() const;

  boost::asio::io_context& context_;
  std::shared_ptr<const SkewedClock> clock_;
  Fetch fetch_;
  Options options_;
  std::optional<Credentials> credentials_;
  Status last_error_;
  int failures_ = 0;
  bool refused_ = false;
  BootTime not_before_{};  // the next renewal
  bool renewing_ = false;
  boost::asio::steady_timer renewed_;  // cancelled when a renewal has ended
};

}  // namespace faultd

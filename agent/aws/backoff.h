#pragma once

#include <algorithm>
#include <chrono>

#include "absl/random/random.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {

// A random time up to min(first * 2^n, most): "full jitter", so that hosts which failed together do
// not come back together.
inline std::chrono::nanoseconds Backoff(int n, std::chrono::nanoseconds first,
                                        std::chrono::nanoseconds most) {
  static absl::InsecureBitGen random;
  const auto limit = std::min(most, first * (int64_t{1} << std::clamp(n, 0, 20)));
  return std::chrono::nanoseconds(
      absl::Uniform<int64_t>(absl::IntervalClosed, random, 0, limit.count()));
}

inline boost::asio::awaitable<void> Sleep(std::chrono::nanoseconds time) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
  co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
}

}  // namespace faultd

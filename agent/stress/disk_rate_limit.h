#pragma once

#include <chrono>
#include <mutex>

namespace faultd {

// Spreads operations evenly over time, for several threads. Whoever is late may catch up with 10 ms
// worth of operations, so that the mean is kept though threads wake late; not more, so that a disk
// that was stuck is not flooded.
class RateLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  RateLimit(double per_second, Time now)
      : interval_(std::chrono::duration<double>(1 / per_second)), begin_(now) {}

  // When the next operation is to begin, at the earliest `now`. Each call is one operation.
  Time Next(Time now);

 private:
  static constexpr std::chrono::milliseconds kCatchUp{10};

  // Since the beginning; finer than the clock, or the rate would be off by what is rounded.
  using Nanoseconds = std::chrono::duration<double, std::nano>;
  const Nanoseconds interval_;
  const Time begin_;
  std::mutex mutex_;
  Nanoseconds next_{0};
};

}  // namespace faultd

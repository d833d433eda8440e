#include "stress/disk_rate_limit.h"

#include <algorithm>

namespace faultd {

RateLimit::Time RateLimit::Next(Time now) {
  const Nanoseconds since_begin = now - begin_;
  const std::lock_guard lock(mutex_);
  const Nanoseconds due = std::max<Nanoseconds>(next_, since_begin - kCatchUp);
  next_ = due + interval_;
  return std::max(now, begin_ + std::chrono::ceil<std::chrono::steady_clock::duration>(due));
}

}  // namespace faultd

#include "support/manual_loop.h"

#include <algorithm>

namespace faultd {

void ManualLoop::Post(std::function<void()> work) { posted_.push_back(std::move(work)); }

Loop::TimerId ManualLoop::At(BootTime when, std::function<void()> work) {
  timers_.emplace(Due(when, next_), std::move(work));
  return next_++;
}

void ManualLoop::Cancel(TimerId timer) {
  std::erase_if(timers_, [timer](const auto& each) { return each.first.second == timer; });
}

void ManualLoop::RunUntil(BootTime end) {
  for (;;) {
    std::function<void()> work;
    if (!posted_.empty()) {
      work = std::move(posted_.front());
      posted_.pop_front();
    } else if (!timers_.empty() && timers_.begin()->first.first <= end) {
      auto next = timers_.extract(timers_.begin());
      clock_.Set(std::max(clock_.Now(), next.key().first));
      work = std::move(next.mapped());
    } else {
      break;
    }
    work();
  }
  clock_.Set(std::max(clock_.Now(), end));
}

void ManualLoop::Clear() {
  posted_.clear();
  timers_.clear();
}

}  // namespace faultd

#pragma once

#include <map>

#include "engine/loop.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace faultd {

// The loop on Boost.Asio. Timers share one timerfd on CLOCK_BOOTTIME, which neither steps of the
// wall clock nor suspend move; without timers it never wakes up.
class AsioLoop final : public Loop {
 public:
  explicit AsioLoop(boost::asio::io_context& context);

  void Post(std::function<void()> work) override;
  TimerId At(BootTime when, std::function<void()> work) override;
  void Cancel(TimerId timer) override;

  boost::asio::io_context& context() { return context_; }

 private:
  using Key = std::pair<BootTime, TimerId>;
  void Arm();
  void Wait();
  void RunDue();

  boost::asio::io_context& context_;
  boost::asio::posix::stream_descriptor timer_fd_;
  std::map<Key, std::function<void()>> timers_;
  std::map<TimerId, BootTime> deadlines_;
  TimerId next_id_ = 1;
  bool waiting_ = false;
};

}  // namespace faultd

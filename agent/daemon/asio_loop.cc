#include "daemon/asio_loop.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>

namespace faultd {
namespace {

int MakeTimerFd() {
  const int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  return fd;
}

}  // namespace

AsioLoop::AsioLoop(boost::asio::io_context& context)
    : context_(context), timer_fd_(context, MakeTimerFd()) {}

void AsioLoop::Post(std::function<void()> work) { boost::asio::post(context_, std::move(work)); }

Loop::TimerId AsioLoop::At(BootTime when, std::function<void()> work) {
  const TimerId id = next_id_++;
  deadlines_.emplace(id, when);
  const auto inserted = timers_.emplace(Key(when, id), std::move(work)).first;
  if (inserted == timers_.begin()) Arm();
  return id;
}

void AsioLoop::Cancel(TimerId timer) {
  auto found = deadlines_.find(timer);
  if (found == deadlines_.end()) return;
  timers_.erase(Key(found->second, timer));
  deadlines_.erase(found);
  // The timerfd is left as it is: at worst it wakes the loop once for nothing.
  if (timers_.empty()) Arm();
}

void AsioLoop::Arm() {
  itimerspec spec{};
  if (!timers_.empty()) {
    // Zero would disarm; the past fires at once.
    const int64_t when = std::max<int64_t>(timers_.begin()->first.first.count(), 1);
    spec.it_value.tv_sec = when / 1'000'000'000;
    spec.it_value.tv_nsec = when % 1'000'000'000;
  }
  timerfd_settime(timer_fd_.native_handle(), TFD_TIMER_ABSTIME, &spec, nullptr);
  if (!timers_.empty() && !waiting_) Wait();
}

void AsioLoop::Wait() {
  waiting_ = true;
  timer_fd_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this](const boost::system::error_code& error) {
                         waiting_ = false;
                         if (error) return;
                         uint64_t expirations = 0;
                         [[maybe_unused]] const ssize_t got =
                             read(timer_fd_.native_handle(), &expirations, sizeof(expirations));
                         RunDue();
                       });
}

void AsioLoop::RunDue() {
  const BootTime now = SystemClock().Now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto due = timers_.extract(timers_.begin());
    deadlines_.erase(due.key().second);
    due.mapped()();
  }
  Arm();
}

}  // namespace faultd

#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "base/status.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace faultd {

// A call under way, for whoever waits for its answer. Destroying it gives the call up: the callback
// is not called any more. A call that has ended is no error. To be used on the loop's thread; must
// not outlive the context.
class [[nodiscard]] PendingCall {
 public:
  PendingCall() = default;
  PendingCall(PendingCall&&) = default;
  PendingCall& operator=(PendingCall&& other) noexcept {
    if (this != &other) {
      Cancel();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~PendingCall() { Cancel(); }

  void Cancel() {
    const auto state = std::move(state_);
    if (state == nullptr || std::exchange(state->over, true)) return;
    // From inside the loop, where Asio hands the signal on without a detour during which the
    // coroutine may end and take the place of the signal with it.
    try {
      boost::asio::post(state->context,
                        [state] { state->signal.emit(boost::asio::cancellation_type::terminal); });
    } catch (...) {
      // Out of memory: the call ends by itself, and unheard.
    }
  }

 private:
  template <typename T>
  friend PendingCall StartCall(boost::asio::io_context&, boost::asio::awaitable<T>,
                               std::function<void(T)>);
  struct State {
    explicit State(boost::asio::io_context& on) : context(on) {}
    boost::asio::io_context& context;
    boost::asio::cancellation_signal signal;
    bool over = false;
  };
  std::shared_ptr<State> state_;
};

template <typename T>
boost::asio::awaitable<T> Posted(boost::asio::io_context& context, boost::asio::awaitable<T> work) {
  co_await boost::asio::post(context, boost::asio::use_awaitable);
  co_return co_await std::move(work);
}

// Runs a coroutine and calls `done` on the context with its result, a Status or a StatusOr, never
// from inside this function.
template <typename T>
PendingCall StartCall(boost::asio::io_context& context, boost::asio::awaitable<T> work,
                      std::function<void(T)> done) {
  PendingCall call;
  call.state_ = std::make_shared<PendingCall::State>(context);
  const auto finish = [state = call.state_, done = std::move(done)](std::exception_ptr failed,
                                                                    T result) {
    if (std::exchange(state->over, true)) return;
    done(failed ? T(absl::InternalError("the call ended with an exception")) : std::move(result));
  };
  boost::asio::co_spawn(context, Posted(context, std::move(work)),
                        boost::asio::bind_cancellation_slot(call.state_->signal.slot(), finish));
  return call;
}

}  // namespace faultd

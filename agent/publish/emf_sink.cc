#include "publish/emf_sink.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "aws/backoff.h"
#include "base/log.h"
#include "base/strings.h"
#include "publish/emf_event.h"
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>

namespace faultd {

namespace asio = boost::asio;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kTimeout{5};

// An agent that has gone away still takes one write.
bool IsClosed(boost::beast::tcp_stream& stream) {
  char byte;
  const ssize_t got = recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

}  // namespace

struct EmfSink::State {
  State(asio::io_context& on, const Clock& time, Options set)
      : context(on), clock(time), options(std::move(set)), udp(on) {}

  asio::io_context& context;
  const Clock& clock;
  const Options options;
  asio::ip::udp::socket udp;
  std::optional<boost::beast::tcp_stream> tcp;
  std::deque<std::string> waiting;
  bool sending = false;
  uint64_t sent = 0;
  uint64_t dropped = 0;
  std::optional<BootTime> complained;

  std::string where() const {
    return StrCat(options.address.to_string(), " port ", static_cast<int>(options.port),
                  options.tcp ? "/tcp" : "/udp");
  }
  void Drop(const std::string& why) {
    ++dropped;
    constexpr std::chrono::minutes kPause{10};
    if (complained && clock.Now() - *complained < kPause) return;
    complained = clock.Now();
    spdlog::warn("the CloudWatch agent at {} does not take metrics: {}; {} are lost by now",
                 where(), why, dropped);
  }
};

EmfSink::EmfSink(asio::io_context& context, const Clock& clock, Options options)
    : state_(std::make_shared<State>(context, clock, std::move(options))) {}

EmfSink::~EmfSink() {
  boost::system::error_code ignored;
  state_->udp.close(ignored);
}

void EmfSink::Add(MetricSample sample) {
  State& state = *state_;
  if (!IsMetricValue(sample.value)) return state.Drop("it is no number CloudWatch has");
  sample.series.name_space = state.options.name_space;
  sample.series = Sanitised(std::move(sample.series));
  const auto age = state.clock.Now() - sample.time;
  std::string line = EmfEvent(sample, state.clock.WallNow() - age, state.options.log_group);
  if (!state.options.tcp) return SendDatagram(state, line);
  state.waiting.push_back(std::move(line));
  if (state.waiting.size() > state.options.max_waiting) {
    state.waiting.pop_front();
    state.Drop("too many wait for it");
  }
  if (std::exchange(state.sending, true)) return;
  sending_ = StartCall<Status>(state.context, SendQueue(state_), [](Status) {});
}

void EmfSink::SendDatagram(State& state, const std::string& line) {
  boost::system::error_code error;
  if (!state.udp.is_open()) {
    const asio::ip::udp::endpoint agent(state.options.address, state.options.port);
    state.udp.open(agent.protocol(), error);
    if (!error) {
      fcntl(state.udp.native_handle(), F_SETFD, FD_CLOEXEC);
      state.udp.non_blocking(true, error);
    }
    if (!error) state.udp.connect(agent, error);
    if (error) {
      boost::system::error_code ignored;
      state.udp.close(ignored);
      return state.Drop(error.message());
    }
  }
  state.udp.send(asio::buffer(line), 0, error);
  if (error == asio::error::connection_refused) {
    // This is about the one before; nothing has been sent now.
    --state.sent;
    state.Drop(error.message());
    state.udp.send(asio::buffer(line), 0, error);
  }
  if (error) return state.Drop(error.message());
  ++state.sent;
}

asio::awaitable<Status> EmfSink::SendQueue(std::shared_ptr<State> state) {
  int failures = 0;
  while (!state->waiting.empty()) {
    boost::system::error_code error;
    if (state->tcp && IsClosed(*state->tcp)) state->tcp.reset();
    if (!state->tcp) {
      state->tcp.emplace(state->context);
      const asio::ip::tcp::endpoint agent(state->options.address, state->options.port);
      state->tcp->socket().open(agent.protocol(), error);
      if (!error) {
        fcntl(state->tcp->socket().native_handle(), F_SETFD, FD_CLOEXEC);
        state->tcp->expires_after(kTimeout);
        std::tie(error) = co_await state->tcp->async_connect(agent, kAwait);
      }
    }
    if (!error) {
      // Out of the queue meanwhile, which may drop its first.
      const std::string line = std::move(state->waiting.front());
      state->waiting.pop_front();
      state->tcp->expires_after(kTimeout);
      std::tie(error, std::ignore) =
          co_await asio::async_write(*state->tcp, asio::buffer(line), kAwait);
      if (error) state->waiting.push_front(line);
    }
    if (!error) {
      ++state->sent;
      failures = 0;
      continue;
    }
    state->tcp.reset();
    constexpr std::chrono::seconds kFirstPause{1};
    constexpr std::chrono::seconds kLongestPause{30};
    if (failures == 0) {
      spdlog::warn("metrics wait for the CloudWatch agent at {}: {}", state->where(),
                   error.message());
    }
    co_await Sleep(Backoff(failures++, kFirstPause, kLongestPause));
  }
  // The time-out of the last write would wake the loop up.
  if (state->tcp) state->tcp->expires_never();
  state->sending = false;
  co_return absl::OkStatus();
}

uint64_t EmfSink::sent() const { return state_->sent; }
uint64_t EmfSink::dropped() const { return state_->dropped; }

}  // namespace faultd

#include "aws/cloudwatch.h"

#include <iterator>
#include <utility>

#include "aws/api_error.h"
#include "aws/backoff.h"
#include "aws/put_metric_data.h"
#include "base/log.h"

namespace faultd {

namespace asio = boost::asio;

namespace {

// Of one flush. More than the largest backlog takes; a bound for when all is refused.
constexpr int kMostRequests = 100;

// Not a mere "400", which may come from something that is not CloudWatch.
bool IsAboutTheContent(const Status& status) {
  const std::string code = ApiErrorCode(status);
  return code.starts_with("InvalidParameter") || code.starts_with("MissingParameter") ||
         code.starts_with("InvalidFormat") || code.starts_with("ValidationError");
}

}  // namespace

struct CloudWatchPublisher::State {
  State(asio::io_context& on, std::shared_ptr<ApiClient> client,
        std::shared_ptr<const SkewedClock> time, Options set)
      : context(on),
        api(std::move(client)),
        clock(std::move(time)),
        options(std::move(set)),
        buffer(*clock, options.max_datums),
        store(options.file) {}

  asio::io_context& context;
  std::shared_ptr<ApiClient> api;
  std::shared_ptr<const SkewedClock> clock;
  Options options;
  MetricBuffer buffer;
  std::vector<MetricDatum> sending;  // out of the buffer, not yet acknowledged
  MetricStore store;
  bool kept = false;  // something is in the file
  Statistics statistics;
};

CloudWatchPublisher::CloudWatchPublisher(asio::io_context& context, std::shared_ptr<ApiClient> api,
                                         std::shared_ptr<const SkewedClock> clock, Options options)
    : state_(
          std::make_shared<State>(context, std::move(api), std::move(clock), std::move(options))) {}

Status CloudWatchPublisher::TakeUp(State& state, const std::string& document) {
  ASSIGN_OR_RETURN(const MetricSnapshot snapshot,
                   MetricSnapshot::FromDocument(document, state.options.boot_id, *state.clock));
  state.buffer.Add(snapshot);
  return absl::OkStatus();
}

void CloudWatchPublisher::Start() {
  State& state = *state_;
  if (!state.options.file.empty()) {
    const auto document = state.store.Load();
    const Status status = document.ok() ? TakeUp(state, *document) : document.status();
    if (!status.ok() && !absl::IsNotFound(status)) {
      spdlog::warn("metrics left from before are lost: {}: {}", state.options.file,
                   std::string(status.message()));
    }
    state.kept = document.ok();
  }
  run_ = StartCall<Status>(state.context, Run(state_), [](Status) {});
}

Status CloudWatchPublisher::Stop() {
  run_.Cancel();
  State& state = *state_;
  state.buffer.PutBack(std::move(state.sending));
  state.sending.clear();
  state.buffer.DropOlderThan(state.options.keep);
  const bool empty = state.buffer.size() == 0;
  return state.store.Save(empty ? "" : state.buffer.Snapshot().ToDocument(state.options.boot_id));
}

void CloudWatchPublisher::Add(MetricSample sample) {
  if (!IsMetricValue(sample.value)) {
    ++state_->statistics.dropped;
    return;
  }
  sample.series = Sanitised(std::move(sample.series));
  state_->buffer.Add(sample);
}

CloudWatchPublisher::Statistics CloudWatchPublisher::statistics() const {
  Statistics statistics = state_->statistics;
  statistics.dropped += state_->buffer.dropped();
  statistics.waiting = state_->buffer.size() + state_->sending.size();
  return statistics;
}

asio::awaitable<Status> CloudWatchPublisher::Run(std::shared_ptr<State> state) {
  const auto interval = state->options.interval;
  auto next = std::chrono::steady_clock::now() + Backoff(0, interval, interval);
  for (;;) {
    co_await Sleep(next - std::chrono::steady_clock::now());
    co_await Flush(state);
    const auto now = std::chrono::steady_clock::now();
    do next += interval;
    while (next <= now);
  }
}

asio::awaitable<void> CloudWatchPublisher::Flush(std::shared_ptr<State> state) {
  state->buffer.DropOlderThan(state->options.keep);
  size_t limit = kMostDatums;
  for (int requests = 0; requests < kMostRequests && state->buffer.size() > 0; ++requests) {
    const Status status = co_await Send(state, &limit);
    // The answer may have told the time: see ApiRequest::has_times.
    const bool again = requests == 0 && absl::IsUnauthenticated(status);
    if (!status.ok() && !again) break;
  }
  Keep(*state);
}

// CloudWatch refuses a request as a whole for one invalid datum, which must not hold up all others:
// then half as many are tried, until the one has been found.
asio::awaitable<Status> CloudWatchPublisher::Send(std::shared_ptr<State> state, size_t* limit) {
  std::vector<MetricDatum> datums = state->buffer.Take(*limit);
  size_t used = 0;
  ApiRequest request = PutMetricDataRequest(state->buffer, datums, *state->clock, &used);
  const auto rest = datums.begin() + static_cast<ptrdiff_t>(used);
  state->buffer.PutBack({std::make_move_iterator(rest), std::make_move_iterator(datums.end())});
  datums.erase(rest, datums.end());
  state->sending = std::move(datums);
  const auto response = co_await state->api->Call(std::move(request));

  std::vector<MetricDatum> sent = std::exchange(state->sending, {});
  Statistics& statistics = state->statistics;
  const bool failed_before = !statistics.last.ok();
  ++statistics.requests;
  if (response.ok()) {
    if (failed_before) spdlog::info("CloudWatch takes metrics again");
    statistics.last = absl::OkStatus();
    statistics.sent += sent.size();
    co_return absl::OkStatus();
  }
  const bool invalid = IsAboutTheContent(response.status());
  if (invalid && sent.size() > 1) {
    *limit = sent.size() / 2;
    state->buffer.PutBack(std::move(sent));
    co_return absl::OkStatus();
  }
  if (invalid) {
    spdlog::warn("CloudWatch refuses metric {}: {}", state->buffer.series(sent[0].series).name,
                 std::string(response.status().message()));
    ++statistics.dropped;
    *limit = kMostDatums;
    co_return absl::OkStatus();
  }
  if (!failed_before) {
    spdlog::warn("metrics are kept until CloudWatch takes them: {}",
                 std::string(response.status().message()));
  }
  statistics.last = response.status();
  state->buffer.PutBack(std::move(sent));
  co_return statistics.last;
}

void CloudWatchPublisher::Keep(State& state) {
  if (state.options.file.empty()) return;
  const bool empty = state.buffer.size() == 0;
  if (empty && !state.kept) return;
  // A copy, for the thread.
  auto snapshot = std::make_shared<const MetricSnapshot>(state.buffer.Snapshot());
  const bool begun = state.store.SaveSoon([snapshot, empty, boot_id = state.options.boot_id] {
    return empty ? std::string() : snapshot->ToDocument(boot_id);
  });
  if (begun) state.kept = !empty;
}

}  // namespace faultd

#include "probe/probes.h"

#include <algorithm>
#include <random>
#include <utility>

#include "http/pending_call.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

namespace faultd {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

boost::asio::awaitable<Status> Attempt(std::shared_ptr<Prober> prober, ProbeConfig config,
                                       Prober::Deadline deadline) {
  co_return co_await prober->Attempt(std::move(config), deadline);
}

boost::asio::awaitable<Status> Prepare(std::shared_ptr<Prober> prober, ProbeConfig config) {
  co_return co_await prober->Prepare(std::move(config));
}

}  // namespace

steady_clock::time_point NextDue(steady_clock::time_point due, steady_clock::time_point now,
                                 nanoseconds interval) {
  return due + interval * std::max<int64_t>(1, (now - due) / interval);
}

// When a probe is due, and its attempt under way.
struct Probes::Schedule : std::enable_shared_from_this<Schedule> {
  Schedule(boost::asio::io_context& context, ProbeHistory& of) : history(of), timer(context) {}
  ProbeHistory& history;
  boost::asio::steady_timer timer;
  steady_clock::time_point due;
  steady_clock::time_point begun;
  ProbeResult result;  // of the attempt under way
  PendingCall attempt;
};

Probes::Probes(boost::asio::io_context& context, const Clock& clock,
               std::vector<ProbeConfig> configs, Prober::Options options)
    : context_(context),
      clock_(clock),
      prober_(std::make_shared<Prober>(context, std::move(options))) {
  for (ProbeConfig& config : configs) {
    all_.push_back(std::make_unique<ProbeHistory>(
        ProbeHistory{.config = std::move(config), .position = all_.size()}));
    schedules_.push_back(std::make_shared<Schedule>(context, *all_.back()));
  }
}

Probes::~Probes() = default;

void Probes::Start() {
  std::mt19937_64 random(std::random_device{}());
  const auto now = steady_clock::now();
  for (const auto& schedule : schedules_) {
    const ProbeConfig& config = schedule->history.config;
    if (config.tls) {
      boost::asio::co_spawn(context_, Prepare(prober_, config), boost::asio::detached);
    }
    std::uniform_int_distribution<int64_t> offset(0, config.interval.count() - 1);
    schedule->due = now + nanoseconds(offset(random));
    Await(*schedule);
  }
}

void Probes::Await(Schedule& schedule) {
  schedule.timer.expires_at(schedule.due);
  schedule.timer.async_wait(
      [this, weak = schedule.weak_from_this()](const boost::system::error_code& error) {
        const auto again = weak.lock();
        if (!error && again != nullptr) Begin(*again);
      });
}

void Probes::Begin(Schedule& schedule) {
  const ProbeConfig& config = schedule.history.config;
  schedule.begun = steady_clock::now();
  schedule.result = {.begun = clock_.Now(), .wall_time = clock_.WallNow()};
  schedule.attempt =
      StartCall<Status>(context_, Attempt(prober_, config, schedule.begun + config.timeout),
                        [this, &schedule](Status status) { End(schedule, status); });
}

void Probes::End(Schedule& schedule, const Status& status) {
  const auto now = steady_clock::now();
  ProbeHistory& history = schedule.history;
  ProbeResult result = std::move(schedule.result);
  result.up = status.ok();
  result.latency = now - schedule.begun;
  result.error = std::string(status.message());
  history.consecutive = history.known() && history.up() == result.up ? history.consecutive + 1 : 1;
  if (history.results.size() == ProbeHistory::kMostResults) history.results.pop_front();
  history.results.push_back(std::move(result));

  schedule.due = NextDue(schedule.due, now, history.config.interval);
  Await(schedule);

  std::vector<WatchId> watches;
  watches.reserve(watchers_.size());
  for (const auto& [id, watcher] : watchers_) watches.push_back(id);
  for (WatchId id : watches) {
    const auto found = watchers_.find(id);
    if (found == watchers_.end()) continue;
    const auto watcher = found->second;  // may be erased by itself
    (*watcher)(history);
  }
}

const ProbeHistory* Probes::Find(std::string_view name) const {
  const auto found = std::find_if(
      all_.begin(), all_.end(), [&](const auto& history) { return history->config.name == name; });
  return found == all_.end() ? nullptr : found->get();
}

Probes::WatchId Probes::Watch(Watcher each) {
  watchers_.emplace(next_watch_, std::make_shared<const Watcher>(std::move(each)));
  return next_watch_++;
}

void Probes::Unwatch(WatchId watch) { watchers_.erase(watch); }

}  // namespace faultd

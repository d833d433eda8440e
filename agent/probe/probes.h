#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "probe/probe_config.h"
#include "probe/prober.h"
#include <boost/asio/io_context.hpp>

namespace faultd {

struct ProbeResult {
  BootTime begun{};
  std::chrono::nanoseconds wall_time{};  // the same moment, since the epoch
  bool up = false;
  std::chrono::nanoseconds latency{};  // to the answer, or to the failure
  std::string error;                   // empty when up
};

// A probe and what it has seen.
struct ProbeHistory {
  static constexpr size_t kMostResults = 60;

  ProbeConfig config;
  size_t position = 0;              // in Probes::all()
  std::deque<ProbeResult> results;  // oldest first
  uint32_t consecutive = 0;         // results in a row like the last one

  bool known() const { return !results.empty(); }
  bool up() const { return known() && results.back().up; }
};

// When an attempt that was due at `due` and ended at `now` is followed by the next: on a grid from
// the first one on, so that the interval does not drift. Maybe in the past, by less than an
// interval: what was missed, while the host was suspended say, is not made up for.
std::chrono::steady_clock::time_point NextDue(std::chrono::steady_clock::time_point due,
                                              std::chrono::steady_clock::time_point now,
                                              std::chrono::nanoseconds interval);

// Runs all probes of this host on the loop: each at its interval from a random moment within the
// first one on, whatever the results are. An attempt ends as a failure by its timeout, which is no
// longer than the interval: there is never more than one of a probe under way.
class Probes {
 public:
  using WatchId = uint64_t;
  using Watcher = std::function<void(const ProbeHistory&)>;

  // `context` and `clock` must outlive it. `options` are those of its attempts.
  Probes(boost::asio::io_context& context, const Clock& clock, std::vector<ProbeConfig> configs,
         Prober::Options options = {});
  // Gives up the attempts under way.
  ~Probes();
  Probes(const Probes&) = delete;
  Probes& operator=(const Probes&) = delete;

  void Start();

  // In the order of the configuration; stays where it is as long as this object.
  const std::vector<std::unique_ptr<ProbeHistory>>& all() const { return all_; }
  // nullptr when there is none of that name.
  const ProbeHistory* Find(std::string_view name) const;

  // Calls `each` with the probe after every result, its newest, until Unwatch. It may call Watch
  // and Unwatch.
  WatchId Watch(Watcher each);
  void Unwatch(WatchId watch);

 private:
  struct Schedule;

  void Await(Schedule& schedule);
  void Begin(Schedule& schedule);
  void End(Schedule& schedule, const Status& status);

  boost::asio::io_context& context_;
  const Clock& clock_;
  const std::shared_ptr<Prober> prober_;
  std::vector<std::unique_ptr<ProbeHistory>> all_;
  std::vector<std::shared_ptr<Schedule>> schedules_;  // one for each of all_
  std::map<WatchId, std::shared_ptr<const Watcher>> watchers_;
  WatchId next_watch_ = 1;
};

}  // namespace faultd

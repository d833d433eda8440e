#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "probe/probe_config.h"
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
  std::deque<ProbeResult> results;  // oldest first
  uint32_t consecutive = 0;         // results in a row like the last one

  bool known() const { return !results.empty(); }
  bool up() const { return known() && results.back().up; }
};

// Runs all probes of this host on the loop: each at its interval from a random moment within the
// first one on, whatever the results are. An attempt that has not ended when the next is due ends
// as a failure by its timeout first: there is never more than one of a probe under way.
class Probes {
 public:
  using WatchId = uint64_t;
  using Watcher = std::function<void(const ProbeHistory&)>;

  // `context` and `clock` must outlive it.
  Probes(boost::asio::io_context& context, const Clock& clock, std::vector<ProbeConfig> configs);
  ~Probes();
  Probes(const Probes&) = delete;
  Probes& operator=(const Probes&) = delete;

  void Start();

  // In the order of the configuration; stays where it is as long as this object.
  const std::vector<std::unique_ptr<ProbeHistory>>& all() const { return all_; }
  // nullptr when there is none of that name.
  const ProbeHistory* Find(std::string_view name) const;

  // Calls `each` with the probe after every result, its newest, until Unwatch. It may call Unwatch.
  WatchId Watch(Watcher each);
  void Unwatch(WatchId watch);

 private:
  std::vector<std::unique_ptr<ProbeHistory>> all_;
};

}  // namespace faultd

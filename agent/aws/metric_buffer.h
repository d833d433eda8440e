#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "aws/metric.h"
#include "aws/skewed_clock.h"
#include "base/status.h"

namespace faultd {

// Samples of one series in one period (a minute, or a second at high resolution): what one datum of
// PutMetricData holds.
struct MetricDatum {
  size_t series = 0;                // index, see MetricBuffer::series
  std::chrono::nanoseconds slot{};  // begin of the period by the wall clock of that moment
  BootTime start{};                 // the same by the time since boot
  std::vector<std::pair<double, uint32_t>> values;  // value, how often
};

// What a buffer holds, apart from it.
struct MetricSnapshot {
  std::vector<MetricSeries> series;
  std::vector<MetricDatum> datums;
  BootTime boot_now{};  // when it was taken, by both clocks
  std::chrono::nanoseconds wall_now{};

  // A document from which another process makes the snapshot again: in the same boot with its exact
  // times, later with those of the wall clock.
  std::string ToDocument(const std::string& boot_id) const;
  // INVALID_ARGUMENT when it is none of ours.
  static StatusOr<MetricSnapshot> FromDocument(const std::string& document,
                                               const std::string& boot_id,
                                               const SkewedClock& clock);
};

// Samples that have not been published yet. Bounded: the oldest go first.
class MetricBuffer {
 public:
  MetricBuffer(const SkewedClock& clock, size_t max_datums)
      : clock_(clock), max_datums_(max_datums) {}

  void Add(const MetricSample& sample);

  // Takes out at most `limit` datums of one name space, the oldest first; none when there are none.
  std::vector<MetricDatum> Take(size_t limit);
  // Puts back what could not be sent.
  void PutBack(std::vector<MetricDatum> datums);
  // Drops what is older than `age`.
  void DropOlderThan(std::chrono::nanoseconds age);

  const MetricSeries& series(size_t index) const { return *series_[index]; }
  size_t size() const { return waiting_.size(); }
  uint64_t dropped() const { return dropped_; }  // datums

  MetricSnapshot Snapshot() const;
  void Add(const MetricSnapshot& snapshot);

 private:
  using Key = std::pair<std::chrono::nanoseconds, size_t>;  // slot, series

  size_t IndexOf(const MetricSeries& series);
  void Insert(MetricDatum datum);

  const SkewedClock& clock_;
  size_t max_datums_;
  std::map<MetricSeries, size_t> index_;
  std::vector<const MetricSeries*> series_;  // keys of index_
  std::map<Key, MetricDatum> waiting_;
  uint64_t dropped_ = 0;
};

}  // namespace faultd

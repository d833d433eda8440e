#include "aws/metric_buffer.h"

#include <algorithm>
#include <iterator>

namespace faultd {
namespace {

using std::chrono::nanoseconds;

// Different values in one datum; beyond, a value counts as the nearest one there is.
constexpr size_t kMaxValues = 600;

void AddValue(std::vector<std::pair<double, uint32_t>>* values, double value, uint32_t count) {
  auto place = std::lower_bound(values->begin(), values->end(), std::pair(value, 0U));
  if (place != values->end() && place->first == value) {
    place->second += count;
  } else if (values->size() < kMaxValues) {
    values->insert(place, {value, count});
  } else {
    if (place == values->end() ||
        (place != values->begin() && value - std::prev(place)->first < place->first - value)) {
      --place;
    }
    place->second += count;
  }
}

nanoseconds Floor(nanoseconds time, nanoseconds step) {
  return time - ((time % step) + step) % step;
}

}  // namespace

size_t MetricBuffer::IndexOf(const MetricSeries& series) {
  const auto [found, fresh] = index_.try_emplace(series, series_.size());
  if (fresh) series_.push_back(&found->first);
  return found->second;
}

void MetricBuffer::Add(const MetricSample& sample) {
  const nanoseconds wall = clock_.WallNow() - (clock_.Now() - sample.time);
  const nanoseconds slot = Floor(wall, std::chrono::seconds(sample.series.resolution_s));
  Insert({IndexOf(sample.series), slot, sample.time - (wall - slot), {{sample.value, 1}}});
}

void MetricBuffer::Insert(MetricDatum datum) {
  const Key key(datum.slot, datum.series);
  auto& values = datum.values;
  if (const auto found = waiting_.find(key); found != waiting_.end()) {
    for (const auto& [value, count] : values) AddValue(&found->second.values, value, count);
    return;
  }
  waiting_.emplace(key, std::move(datum));
  if (waiting_.size() > max_datums_) {
    waiting_.erase(waiting_.begin());
    ++dropped_;
  }
}

std::vector<MetricDatum> MetricBuffer::Take(size_t limit) {
  std::vector<MetricDatum> taken;
  for (auto next = waiting_.begin(); next != waiting_.end() && taken.size() < limit;) {
    const size_t series = next->second.series;
    if (!taken.empty() &&
        series_[series]->name_space != series_[taken.front().series]->name_space) {
      ++next;
      continue;
    }
    taken.push_back(std::move(next->second));
    next = waiting_.erase(next);
  }
  return taken;
}

void MetricBuffer::PutBack(std::vector<MetricDatum> datums) {
  for (MetricDatum& datum : datums) Insert(std::move(datum));
}

void MetricBuffer::DropOlderThan(nanoseconds age) {
  const BootTime oldest = clock_.Now() - age;
  dropped_ +=
      std::erase_if(waiting_, [&](const auto& entry) { return entry.second.start < oldest; });
}

MetricSnapshot MetricBuffer::Snapshot() const {
  MetricSnapshot snapshot{{}, {}, clock_.Now(), clock_.WallNow()};
  for (const MetricSeries* series : series_) snapshot.series.push_back(*series);
  for (const auto& [key, datum] : waiting_) snapshot.datums.push_back(datum);
  return snapshot;
}

void MetricBuffer::Add(const MetricSnapshot& snapshot) {
  for (MetricDatum datum : snapshot.datums) {
    datum.series = IndexOf(snapshot.series[datum.series]);
    Insert(std::move(datum));
  }
}

}  // namespace faultd

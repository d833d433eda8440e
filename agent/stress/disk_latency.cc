#include "stress/disk_latency.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace faultd {

std::chrono::nanoseconds LatencyBuckets::Middle(size_t bucket) {
  constexpr size_t kSteps = size_t{1} << kStepBits;
  if (bucket < 2 * kSteps) return std::chrono::nanoseconds(bucket);
  const size_t shift = bucket / kSteps - 1;
  const uint64_t lowest = (bucket - shift * kSteps) << shift;
  return std::chrono::nanoseconds(lowest + (uint64_t{1} << shift) / 2);
}

uint64_t LatencyCounts::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

std::chrono::nanoseconds LatencyCounts::Quantile(double share) const {
  const uint64_t all = total();
  if (all == 0) return std::chrono::nanoseconds(0);
  const auto rank =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share * static_cast<double>(all))));
  uint64_t seen = 0;
  size_t bucket = 0;
  while (bucket + 1 < counts_.size() && (seen += counts_[bucket]) < rank) ++bucket;
  return LatencyBuckets::Middle(bucket);
}

LatencyCounts LatencyCounts::operator-(const LatencyCounts& earlier) const {
  LatencyCounts difference;
  std::transform(counts_.begin(), counts_.end(), earlier.counts_.begin(),
                 difference.counts_.begin(), std::minus<>());
  return difference;
}

void LatencyRecorder::AddTo(LatencyCounts& counts) const {
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket)
    counts[bucket] += counts_[bucket].load(std::memory_order_relaxed);
}

}  // namespace faultd

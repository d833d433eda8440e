#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace faultd {

// Buckets for times, in 32 steps for each power of two, so that none is wider than 1/32 of what is
// in it. Nanoseconds are counted one by one below 64, and not told apart above 18 minutes.
struct LatencyBuckets {
  static constexpr int kStepBits = 5;
  static constexpr int kLastPower = 39;
  static constexpr size_t kCount = (kLastPower - kStepBits + 2) << kStepBits;

  static size_t Of(std::chrono::nanoseconds time) {
    const auto value = static_cast<uint64_t>(time.count() < 0 ? 0 : time.count());
    const int power = static_cast<int>(std::bit_width(value | 1)) - 1;
    if (power > kLastPower) return kCount - 1;
    const int shift = power < kStepBits ? 0 : power - kStepBits;
    return (static_cast<size_t>(shift) << kStepBits) + static_cast<size_t>(value >> shift);
  }
  static std::chrono::nanoseconds Middle(size_t bucket);
};

// How many operations took how long.
class LatencyCounts {
 public:
  uint64_t& operator[](size_t bucket) { return counts_[bucket]; }
  uint64_t total() const;
  // The time that `share` of the operations did not exceed, by nearest rank; 0 without operations.
  std::chrono::nanoseconds Quantile(double share) const;
  LatencyCounts operator-(const LatencyCounts& earlier) const;

 private:
  std::array<uint64_t, LatencyBuckets::kCount> counts_{};
};

// Counts the operations of one thread while another reads. Neither waits.
class LatencyRecorder {
 public:
  // Only by the one thread.
  void Add(std::chrono::nanoseconds time) {
    // One thread adds: no locked instruction is needed.
    std::atomic<uint64_t>& count = counts_[LatencyBuckets::Of(time)];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (time.count() > longest_.load(std::memory_order_relaxed))
      longest_.store(time.count(), std::memory_order_relaxed);
  }
  // Adds what was counted since the beginning.
  void AddTo(LatencyCounts& counts) const;
  // The longest since the last call.
  std::chrono::nanoseconds TakeLongest() { return std::chrono::nanoseconds(longest_.exchange(0)); }

 private:
  std::array<std::atomic<uint64_t>, LatencyBuckets::kCount> counts_{};
  std::atomic<int64_t> longest_ = 0;
};

}  // namespace faultd

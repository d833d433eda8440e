#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

namespace faultd::bench {

// How long something took, each time that it was done.
class Samples {
 public:
  void Add(std::chrono::nanoseconds time) { times_.push_back(time); }

  size_t count() const { return times_.size(); }
  // By nearest rank; 0 without samples.
  double QuantileMs(double share) const {
    if (times_.empty()) return 0;
    std::vector<std::chrono::nanoseconds> sorted = times_;
    std::sort(sorted.begin(), sorted.end());
    const auto rank =
        static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size()))) - 1;
    return std::chrono::duration<double, std::milli>(sorted[rank]).count();
  }
  double MedianMs() const { return QuantileMs(0.5); }

 private:
  std::vector<std::chrono::nanoseconds> times_;
};

// Runs `work` and adds what it took.
template <typename Work>
void Time(Samples& samples, Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  samples.Add(std::chrono::steady_clock::now() - begin);
}

}  // namespace faultd::bench

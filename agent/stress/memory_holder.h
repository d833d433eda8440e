#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/status.h"
#include "stress/memory_region.h"

namespace faultd {

// Keeps as much memory resident as it was last told to. Threads of its own fill it; when there is
// nothing to do they sleep.
//
// Pages are made resident first and filled with random bytes thereafter: what is asked for is held
// as soon as the kernel can give it. Any thread may call.
class MemoryHolder {
 public:
  struct Options {
    uint64_t most = 0;  // bytes that it will ever be told to hold
    bool page_cache = false;
    bool random = false;  // else nearly all zeros
    size_t threads = 1;
  };
  // RESOURCE_EXHAUSTED when the address space or the threads cannot be had.
  static StatusOr<std::unique_ptr<MemoryHolder>> Create(const Options& options);
  ~MemoryHolder();  // gives all back

  // Less than it holds: the rest has been given back on return. More: filling begins. Rounded down
  // to chunks of 2 MiB, unless it is all.
  Status Hold(uint64_t bytes);
  uint64_t held() const;
  bool filling() const;  // whether less is held than was asked for

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);
  enum class Step { kPopulate, kScramble };
  struct Worker {
    size_t chunk = kNone;  // at work on
    Step step = Step::kPopulate;
  };

  MemoryHolder(MemoryRegion region, const Options& options);
  Status StartThreads(size_t count);
  void Work(Worker& worker, uint64_t seed);
  bool IsBusy(size_t chunk) const;
  bool Claim(Worker& worker);
  Status ReleaseFrom(size_t chunk);
  size_t Populated() const;

  const MemoryRegion region_;
  const Options options_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  bool stop_ = false;
  size_t goal_ = 0;       // chunks to hold: the first ones of the region
  size_t claimed_ = 0;    // chunks resident or being made so: the first ones as well
  size_t scrambled_ = 0;  // of those, how many are random or being made so
  std::vector<Worker> workers_;
  std::vector<std::jthread> threads_;
};

}  // namespace faultd

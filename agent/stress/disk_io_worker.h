#pragma once

#include <atomic>
#include <cstdint>
#include <latch>
#include <optional>
#include <vector>

#include "base/status.h"
#include "stress/disk_io_file.h"
#include "stress/disk_latency.h"
#include "stress/disk_outcome.h"
#include "stress/disk_rate_limit.h"

namespace faultd {

struct DiskIoPlan {
  size_t threads = 1;
  size_t block_bytes = 4096;
  uint64_t blocks = 0;  // of the file
  uint32_t read_percent = 50;
  bool sequential = false;
  double operations_per_second = 0;  // 0: no limit
};

// What the threads of a disk I/O load share.
//
// They are plain threads that read and write: with direct I/O this does as much as io_uring with as
// many operations under way, through the page cache far more, and some distributions and
// containers switch io_uring off.
class DiskIoWorkers {
 public:
  DiskIoWorkers(const DiskIoPlan& plan, DiskIoFile file)
      : plan_(plan), file_(std::move(file)), tallies_(plan.threads) {}

  // What thread number `index` does from beginning to end; the end is an error. The first lays out
  // the file while the others wait.
  void Work(size_t index);

  // The first error of any thread.
  Status outcome() const { return outcome_.Get(); }
  // When the load began; nullopt while the file is being laid out.
  std::optional<RateLimit::Time> begin() const;

  // Since the beginning, of all threads.
  struct Tally {
    uint64_t reads = 0;
    uint64_t writes = 0;
    LatencyCounts latency;
  };
  Tally Read() const;
  // The longest operation since the last call.
  std::chrono::nanoseconds TakeLongest();

  const DiskIoPlan& plan() const { return plan_; }
  bool direct() const { return file_.direct(); }

 private:
  // Of one thread, and apart from those of others, so that they do not slow each other down.
  struct alignas(128) ThreadTally {
    std::atomic<uint64_t> reads = 0;
    std::atomic<uint64_t> writes = 0;
    LatencyRecorder latency;
  };

  Status LayOut();
  Status KeepWorking(ThreadTally& tally);
  // Does one operation.
  Status Do(bool read, uint64_t offset, char* data) const;

  const DiskIoPlan plan_;
  const DiskIoFile file_;
  std::vector<ThreadTally> tallies_;
  // Sequential threads go through the file together: to the disk it is one sequence with as many
  // operations under way, like a deep queue of one program.
  std::atomic<uint64_t> next_block_ = 0;
  std::optional<RateLimit> limit_;
  RateLimit::Time begin_;
  std::latch laid_out_{1};
  DiskOutcome outcome_;
};

}  // namespace faultd

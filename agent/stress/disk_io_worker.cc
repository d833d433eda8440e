#include "stress/disk_io_worker.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <thread>

#include "base/strings.h"
#include "stress/disk_buffer.h"

namespace faultd {

using std::chrono::steady_clock;

std::optional<RateLimit::Time> DiskIoWorkers::begin() const {
  return laid_out_.try_wait() ? std::optional(begin_) : std::nullopt;
}

DiskIoWorkers::Tally DiskIoWorkers::Read() const {
  Tally sum;
  for (const ThreadTally& tally : tallies_) {
    sum.reads += tally.reads.load(std::memory_order_relaxed);
    sum.writes += tally.writes.load(std::memory_order_relaxed);
    tally.latency.AddTo(sum.latency);
  }
  return sum;
}

std::chrono::nanoseconds DiskIoWorkers::TakeLongest() {
  std::chrono::nanoseconds longest{0};
  for (ThreadTally& tally : tallies_) longest = std::max(longest, tally.latency.TakeLongest());
  return longest;
}

void DiskIoWorkers::Work(size_t index) {
  if (index == 0) {
    if (const Status status = LayOut(); !status.ok()) {
      outcome_.Set(status);
      return;  // the others wait until the process ends
    }
    laid_out_.count_down();
  }
  laid_out_.wait();
  outcome_.Set(KeepWorking(tallies_[index]));
}

Status DiskIoWorkers::LayOut() {
  RETURN_IF_ERROR(file_.LayOut(plan_.blocks * plan_.block_bytes, plan_.sequential));
  begin_ = steady_clock::now();
  if (plan_.operations_per_second > 0) limit_.emplace(plan_.operations_per_second, begin_);
  return absl::OkStatus();
}

Status DiskIoWorkers::KeepWorking(ThreadTally& tally) {
  // Threads that sleep until their turn are to wake at it, not up to 50 us later (prctl(2)).
  prctl(PR_SET_TIMERSLACK, 1);
  ASSIGN_OR_RETURN(DiskBuffer buffer, DiskBuffer::Create(plan_.block_bytes));
  std::mt19937_64 random{std::random_device{}()};
  std::uniform_int_distribution<uint64_t> any_block(0, plan_.blocks - 1);
  std::uniform_int_distribution<uint32_t> percent(0, 99);
  for (;;) {
    if (limit_) std::this_thread::sleep_until(limit_->Next(steady_clock::now()));
    const bool read = percent(random) < plan_.read_percent;
    const uint64_t block = plan_.sequential
                               ? next_block_.fetch_add(1, std::memory_order_relaxed) % plan_.blocks
                               : any_block(random);
    if (!read) buffer.Refresh();
    const auto begin = steady_clock::now();
    RETURN_IF_ERROR(Do(read, block * plan_.block_bytes, buffer.data()));
    tally.latency.Add(steady_clock::now() - begin);
    std::atomic<uint64_t>& count = read ? tally.reads : tally.writes;
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
}

Status DiskIoWorkers::Do(bool read, uint64_t offset, char* data) const {
  if (!read) {
    const WriteResult result = WriteAt(file_.fd(), data, plan_.block_bytes, offset);
    return result.error == 0 ? absl::OkStatus()
                             : WriteError(result.error, StrCat("write at offset ", offset),
                                          result.bytes, plan_.block_bytes);
  }
  ssize_t count;
  do {
    count = pread(file_.fd(), data, plan_.block_bytes, static_cast<off_t>(offset));
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    return ErrnoStatus(errno, StrCat("read of ", plan_.block_bytes, " bytes at offset ", offset));
  }
  if (static_cast<size_t>(count) < plan_.block_bytes) {
    return absl::DataLossError(
        StrCat("read at offset ", offset, ": got ", count, " of ", plan_.block_bytes, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace faultd

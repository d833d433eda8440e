#include "stress/memory_holder.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "stress/memory_content.h"

namespace faultd {

StatusOr<std::unique_ptr<MemoryHolder>> MemoryHolder::Create(const Options& options) {
  ASSIGN_OR_RETURN(MemoryRegion region, MemoryRegion::Map(options.most, options.page_cache));
  std::unique_ptr<MemoryHolder> holder(new MemoryHolder(std::move(region), options));
  RETURN_IF_ERROR(holder->StartThreads(std::max<size_t>(options.threads, 1)));
  return holder;
}

MemoryHolder::MemoryHolder(MemoryRegion region, const Options& options)
    : region_(std::move(region)), options_(options) {}

MemoryHolder::~MemoryHolder() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
}

Status MemoryHolder::StartThreads(size_t count) {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
    return ErrnoStatus(errno, "read random bytes");
  workers_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    try {
      threads_.emplace_back([this, i, seed] { Work(workers_[i], seed + i); });
    } catch (const std::system_error& error) {
      return ErrnoStatus(error.code().value(),
                         StrCat("start thread ", i + 1, " of ", count, " that fill memory"));
    }
  }
  return absl::OkStatus();
}

Status MemoryHolder::Hold(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  goal_ = bytes >= options_.most ? region_.chunks() : bytes / MemoryRegion::kChunkBytes;
  if (goal_ < claimed_) return ReleaseFrom(goal_);
  if (goal_ > claimed_) work_.notify_all();
  return absl::OkStatus();
}

uint64_t MemoryHolder::held() const {
  const std::lock_guard lock(mutex_);
  return std::min(Populated() * MemoryRegion::kChunkBytes, region_.bytes());
}

bool MemoryHolder::filling() const {
  const std::lock_guard lock(mutex_);
  return Populated() < goal_;
}

// Workers do not wait for each other, so that giving back is not held up either: one that is still
// at work on a chunk given back makes part of it resident once more, and gives it back itself.
Status MemoryHolder::ReleaseFrom(size_t chunk) {
  const size_t end = std::exchange(claimed_, chunk);
  scrambled_ = std::min(scrambled_, chunk);
  return region_.Release(chunk, end);
}

size_t MemoryHolder::Populated() const {
  return claimed_ - static_cast<size_t>(std::ranges::count_if(workers_, [this](const Worker& each) {
           return each.step == Step::kPopulate && each.chunk < claimed_;
         }));
}

// A chunk is worked on by one at a time.
bool MemoryHolder::IsBusy(size_t chunk) const {
  return std::ranges::any_of(workers_, [=](const Worker& each) { return each.chunk == chunk; });
}

bool MemoryHolder::Claim(Worker& worker) {
  if (claimed_ < goal_) {
    if (IsBusy(claimed_)) return false;
    worker = {claimed_++, Step::kPopulate};
    return true;
  }
  if (options_.random && scrambled_ < claimed_ && !IsBusy(scrambled_)) {
    worker = {scrambled_++, Step::kScramble};
    return true;
  }
  return false;
}

void MemoryHolder::Work(Worker& worker, uint64_t seed) {
  RandomPages pages(seed);
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return stop_ || Claim(worker); });
    if (stop_) return;
    const size_t chunk = worker.chunk;
    const Step step = worker.step;
    lock.unlock();
    std::byte* const at = region_.ChunkAt(chunk);
    const size_t bytes = region_.ChunkBytes(chunk);
    if (step == Step::kPopulate) {
      region_.Populate(chunk);
      WriteNumbers(at, bytes, chunk * (MemoryRegion::kChunkBytes / kPageBytes));
    } else {
      pages.Write(at, bytes);
    }
    lock.lock();
    worker.chunk = kNone;
    if (chunk >= claimed_) (void)region_.Release(chunk, chunk + 1);
    work_.notify_all();  // somebody may wait for this chunk
  }
}

}  // namespace faultd

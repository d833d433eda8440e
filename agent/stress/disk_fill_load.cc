#include <chrono>
#include <memory>
#include <thread>

#include "base/threads.h"
#include "stress/disk_fill_bytes.h"
#include "stress/disk_fill_inodes.h"
#include "stress/disk_outcome.h"
#include "stress/load.h"

namespace faultd {
namespace {

// How often it is looked whether others need what is to be kept free.
constexpr auto kWatchInterval = std::chrono::milliseconds(100);

void SetFacts(const FileSystemFacts& facts, v1::DiskFillEffect& effect) {
  effect.set_free_bytes(facts.free_bytes);
  effect.set_free_inodes(facts.free_inodes);
  effect.set_percent_full(facts.PercentFull());
}

class ByteLoad final : public Load {
 public:
  static StatusOr<std::unique_ptr<Load>> Start(DiskPlace place, const v1::DiskFillOrder& order) {
    const ByteFill::Goal goal{.bytes = order.bytes(),
                              .keep_free_bytes = order.keep_free_bytes(),
                              .full_is_enough = !order.spec().has_bytes()};
    auto shared = std::make_shared<Shared>(std::move(place), goal);
    const Status allocated = shared->fill.Allocate();
    const bool written = ErrnoOf(allocated) == EOPNOTSUPP;
    if (!written) RETURN_IF_ERROR(allocated);
    if (written) {
      RETURN_IF_ERROR(StartDetachedThread([shared] { shared->outcome.Set(shared->fill.Write()); }));
    }
    if (order.keep_free_bytes() > 0)
      RETURN_IF_ERROR(StartDetachedThread([shared] { Watch(*shared); }));
    return std::unique_ptr<Load>(new ByteLoad(std::move(shared), order.bytes(), written));
  }

  StatusOr<v1::Effect> Observe() override {
    RETURN_IF_ERROR(shared_->outcome.Get());
    ASSIGN_OR_RETURN(const FileSystemFacts facts, shared_->fill.place().Facts());
    v1::Effect effect;
    v1::DiskFillEffect& disk = *effect.mutable_disk_fill();
    disk.set_requested_bytes(requested_);
    disk.set_allocated_bytes(shared_->fill.bytes());
    disk.set_withheld_bytes(shared_->fill.withheld_bytes());
    disk.set_written(written_);
    SetFacts(facts, disk);
    return effect;
  }

 private:
  struct Shared {
    Shared(DiskPlace place, const ByteFill::Goal& goal) : fill(std::move(place), goal) {}
    ByteFill fill;
    DiskOutcome outcome;
  };

  ByteLoad(std::shared_ptr<Shared> shared, uint64_t requested, bool written)
      : shared_(std::move(shared)), requested_(requested), written_(written) {}

  static void Watch(Shared& shared) {
    Status status;
    while (status.ok()) {
      std::this_thread::sleep_for(kWatchInterval);
      status = shared.fill.KeepFree();
    }
    shared.outcome.Set(status);
  }

  const std::shared_ptr<Shared> shared_;
  const uint64_t requested_;
  const bool written_;
};

class InodeLoad final : public Load {
 public:
  static StatusOr<std::unique_ptr<Load>> Start(DiskPlace place, const v1::DiskFillOrder& order) {
    ASSIGN_OR_RETURN(auto fill, InodeFill::Open(std::move(place), order.inodes()));
    auto outcome = std::make_shared<DiskOutcome>();
    RETURN_IF_ERROR(StartDetachedThread([fill, outcome] { outcome->Set(fill->Create()); }));
    return std::unique_ptr<Load>(
        new InodeLoad(std::move(fill), std::move(outcome), order.inodes()));
  }

  StatusOr<v1::Effect> Observe() override {
    RETURN_IF_ERROR(outcome_->Get());
    ASSIGN_OR_RETURN(const FileSystemFacts facts, fill_->place().Facts());
    v1::Effect effect;
    v1::DiskFillEffect& disk = *effect.mutable_disk_fill();
    disk.set_requested_inodes(requested_);
    disk.set_created_inodes(fill_->inodes());
    SetFacts(facts, disk);
    return effect;
  }

 private:
  InodeLoad(std::shared_ptr<InodeFill> fill, std::shared_ptr<DiskOutcome> outcome,
            uint64_t requested)
      : fill_(std::move(fill)), outcome_(std::move(outcome)), requested_(requested) {}

  const std::shared_ptr<InodeFill> fill_;
  const std::shared_ptr<DiskOutcome> outcome_;
  const uint64_t requested_;
};

}  // namespace

StatusOr<std::unique_ptr<Load>> StartDiskFillLoad(const v1::DiskFillOrder& order) {
  ASSIGN_OR_RETURN(DiskPlace place, DiskPlace::Open(order.directory()));
  if (order.inodes() > 0) return InodeLoad::Start(std::move(place), order);
  return ByteLoad::Start(std::move(place), order);
}

}  // namespace faultd

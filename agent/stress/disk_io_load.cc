#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "base/proto_time.h"
#include "base/strings.h"
#include "base/threads.h"
#include "stress/disk_io_worker.h"
#include "stress/load.h"

namespace faultd {
namespace {

using std::chrono::steady_clock;

constexpr uint32_t kDefaultBlockBytes = 4 << 10;
constexpr uint64_t kDefaultFileBytes = 256 << 20;

DiskIoPlan PlanOf(const v1::DiskIo& spec) {
  DiskIoPlan plan;
  plan.threads = spec.has_threads() ? spec.threads() : 1;
  plan.block_bytes = spec.has_block_bytes() ? spec.block_bytes() : kDefaultBlockBytes;
  const uint64_t file_bytes = spec.has_file_bytes() ? spec.file_bytes() : kDefaultFileBytes;
  plan.blocks = std::max<uint64_t>(1, file_bytes / plan.block_bytes);
  plan.read_percent = spec.has_read_percent() ? spec.read_percent() : 50;
  plan.sequential = spec.has_pattern() && spec.pattern() == v1::ACCESS_PATTERN_SEQUENTIAL;
  if (spec.has_operations_per_second()) {
    plan.operations_per_second = static_cast<double>(spec.operations_per_second());
  } else if (spec.has_bytes_per_second()) {
    plan.operations_per_second =
        static_cast<double>(spec.bytes_per_second()) / static_cast<double>(plan.block_bytes);
  }
  return plan;
}

class DiskIoLoad final : public Load {
 public:
  static StatusOr<std::unique_ptr<Load>> Start(const DiskPlace& place, const v1::DiskIo& spec) {
    const DiskIoPlan plan = PlanOf(spec);
    const auto direct = spec.has_direct() ? std::optional(spec.direct()) : std::nullopt;
    ASSIGN_OR_RETURN(DiskIoFile file, DiskIoFile::Create(place, plan.block_bytes, direct));
    auto workers = std::make_shared<DiskIoWorkers>(plan, std::move(file));
    for (size_t i = 0; i < plan.threads; ++i)
      RETURN_IF_ERROR(StartDetachedThread([workers, i] { workers->Work(i); }));
    return std::unique_ptr<Load>(new DiskIoLoad(std::move(workers), Words(place)));
  }

  static std::string Words(const DiskPlace& place) { return StrCat("disk I/O in ", place.path()); }

  StatusOr<v1::Effect> Observe() override {
    RETURN_IF_ERROR(Annotate(workers_->outcome(), words_));
    v1::Effect effect;
    v1::DiskIoEffect& disk = *effect.mutable_disk_io();
    disk.set_direct(workers_->direct());
    disk.set_requested_operations_per_second(workers_->plan().operations_per_second);
    if (const auto begin = workers_->begin()) SetProgress(*begin, disk);
    return effect;
  }

 private:
  DiskIoLoad(std::shared_ptr<DiskIoWorkers> workers, std::string words)
      : workers_(std::move(workers)), words_(std::move(words)) {}

  void SetProgress(steady_clock::time_point begin, v1::DiskIoEffect& effect) {
    DiskIoWorkers::Tally now = workers_->Read();
    const auto time = steady_clock::now();
    const double seconds =
        std::chrono::duration<double>(time - std::max(begin, last_time_)).count();
    const double reads = static_cast<double>(now.reads - last_.reads) / seconds;
    const double writes = static_cast<double>(now.writes - last_.writes) / seconds;
    const auto block_bytes = static_cast<double>(workers_->plan().block_bytes);
    effect.set_read_operations_per_second(reads);
    effect.set_write_operations_per_second(writes);
    effect.set_read_bytes_per_second(reads * block_bytes);
    effect.set_write_bytes_per_second(writes * block_bytes);
    effect.set_operations(now.reads + now.writes);
    const LatencyCounts latency = now.latency - last_.latency;
    const auto longest = workers_->TakeLongest();
    *effect.mutable_latency_p50() = ToProto(std::min(latency.Quantile(0.5), longest));
    *effect.mutable_latency_p99() = ToProto(std::min(latency.Quantile(0.99), longest));
    *effect.mutable_latency_max() = ToProto(longest);
    last_ = now;
    last_time_ = time;
  }

  const std::shared_ptr<DiskIoWorkers> workers_;
  const std::string words_;
  DiskIoWorkers::Tally last_;
  steady_clock::time_point last_time_;
};

}  // namespace

StatusOr<std::unique_ptr<Load>> StartDiskIoLoad(const v1::DiskIoOrder& order) {
  ASSIGN_OR_RETURN(const DiskPlace place, DiskPlace::Open(order.directory()));
  StatusOr<std::unique_ptr<Load>> load = DiskIoLoad::Start(place, order.spec());
  if (!load.ok()) return Annotate(load.status(), DiskIoLoad::Words(place));
  return load;
}

}  // namespace faultd

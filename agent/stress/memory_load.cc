#include "stress/memory_load.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/file_io.h"
#include "base/proto_time.h"
#include "base/strings.h"
#include "stress/memory_goal.h"
#include "stress/memory_holder.h"
#include "stress/memory_pressure.h"

namespace faultd {
namespace {

using std::chrono::steady_clock;

// More fill no faster: the memory itself is the limit then.
constexpr size_t kMostThreads = 8;

MemoryTerms TermsOf(const v1::MemoryOrder& order) {
  const v1::MemoryStress& spec = order.spec();
  return {.absolute = spec.mode() == v1::MEMORY_MODE_ABSOLUTE,
          .bytes = order.bytes(),
          .reserve = order.reserve_bytes(),
          .ramp = FromProto(spec.ramp()),
          .bytes_per_second = spec.bytes_per_second()};
}

bool IsPageCache(const v1::MemoryOrder& order) {
  return order.spec().backing() == v1::MEMORY_BACKING_PAGE_CACHE;
}

// How much of this process is resident, by kind; proc_pid_status(5).
StatusOr<uint64_t> ResidentBytes(bool page_cache) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile("/proc/self/status"));
  const std::string_view label = page_cache ? "RssShmem:" : "RssAnon:";
  if (const auto kilobytes = NumberAfter(text, label)) return *kilobytes << 10;
  return absl::InternalError(StrCat("/proc/self/status has no ", label));
}

// The watcher, a thread, looks at the machine and tells the holder how much to hold.
class MemoryLoad final : public Load {
 public:
  MemoryLoad(std::unique_ptr<Machine> machine, const v1::MemoryOrder& order, PressureWatch pressure,
             std::unique_ptr<MemoryHolder> holder)
      : machine_(std::move(machine)),
        page_cache_(IsPageCache(order)),
        pressure_(std::move(pressure)),
        holder_(std::move(holder)),
        goal_(TermsOf(order)) {}

  ~MemoryLoad() override {
    watcher_.request_stop();
    pressure_.Wake();
  }

  Status Start() {
    RETURN_IF_ERROR(Look(false));
    try {
      watcher_ = std::jthread([this](const std::stop_token& stop) { Watch(stop); });
    } catch (const std::system_error& error) {
      return ErrnoStatus(error.code().value(), "start the thread that watches memory");
    }
    return absl::OkStatus();
  }

  StatusOr<v1::Effect> Observe() override {
    ASSIGN_OR_RETURN(const uint64_t resident, ResidentBytes(page_cache_));
    const uint64_t held = holder_->held();
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(failure_);
    v1::Effect effect;
    v1::MemoryEffect& memory = *effect.mutable_memory();
    memory.set_requested_bytes(goal_.requested());
    memory.set_withheld_bytes(goal_.withheld());
    memory.set_give_backs(goal_.give_backs());
    memory.set_available_bytes(available_);
    // What has been swapped out is not resident; what the rest of the process takes is not held.
    memory.set_resident_bytes(std::min(resident, held));
    return effect;
  }

 private:
  void Watch(const std::stop_token& stop) {
    bool stalled = false;
    while (!stop.stop_requested()) {
      if (const Status looked = Look(stalled); !looked.ok()) {
        const std::lock_guard lock(mutex_);
        failure_ = looked;
        return;
      }
      stalled = pressure_.Wait(goal_.NextLook());
    }
  }

  Status Look(bool stalled) {
    MemoryMoment moment{.elapsed = steady_clock::now() - begin_,
                        .held = holder_->held(),
                        .filling = holder_->filling(),
                        .stalled = stalled};
    ASSIGN_OR_RETURN(moment.facts, machine_->Memory());
    uint64_t hold = 0;
    {
      const std::lock_guard lock(mutex_);
      hold = goal_.Decide(moment);
      available_ = moment.facts.available;
    }
    return holder_->Hold(hold);
  }

  const std::unique_ptr<Machine> machine_;
  const bool page_cache_;
  PressureWatch pressure_;
  const std::unique_ptr<MemoryHolder> holder_;
  const steady_clock::time_point begin_ = steady_clock::now();

  std::mutex mutex_;
  MemoryGoal goal_;  // only the watcher changes it
  uint64_t available_ = 0;
  Status failure_;
  std::jthread watcher_;
};

}  // namespace

StatusOr<std::unique_ptr<Load>> StartMemoryLoadOn(std::unique_ptr<Machine> machine,
                                                  const v1::MemoryOrder& order) {
  const std::string attempt = StrCat("hold ", order.bytes(), " bytes of memory");
  ASSIGN_OR_RETURN(const MemoryFacts facts, machine->Memory());
  if (order.bytes() > facts.total) {
    return absl::ResourceExhaustedError(
        StrCat(attempt, ": there are only ", facts.total, " bytes; ask for less"));
  }
  ASSIGN_OR_RETURN(const std::vector<int> cores, machine->UsableCores());
  ASSIGN_OR_RETURN(PressureWatch pressure, PressureWatch::Open());
  auto holder =
      MemoryHolder::Create({.most = order.bytes(),
                            .page_cache = IsPageCache(order),
                            .random = order.spec().content() != v1::MEMORY_CONTENT_COMPRESSIBLE,
                            .threads = std::min(cores.size(), kMostThreads)});
  if (!holder.ok()) return Annotate(holder.status(), attempt);
  auto load = std::make_unique<MemoryLoad>(std::move(machine), order, std::move(pressure),
                                           *std::move(holder));
  if (const Status started = load->Start(); !started.ok()) return Annotate(started, attempt);
  return load;
}

StatusOr<std::unique_ptr<Load>> StartMemoryLoad(const v1::MemoryOrder& order) {
  return StartMemoryLoadOn(OpenMachine(), order);
}

}  // namespace faultd

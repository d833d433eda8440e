// CPU load: a thread on each core, and in mode total one more that tells them what to take.
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/proto_time.h"
#include "base/strings.h"
#include "stress/cpu_core.h"
#include "stress/cpu_total.h"
#include "stress/cpu_utilisation.h"
#include "stress/load.h"

namespace faultd {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// What others had of a core for a moment is made up for, but not in mode total: there it counts.
constexpr nanoseconds kLongestDebt = milliseconds(100);
constexpr nanoseconds kLongestDebtInTotal = milliseconds(5);

constexpr double kPercent = 100;

// What is asked for, 0 to 1; grows from nothing.
class Ramp {
 public:
  explicit Ramp(const v1::CpuStress& spec)
      : share_(spec.load_percent() / kPercent),
        start_(MonotonicNow()),
        length_(FromProto(spec.ramp())) {}
  double At(nanoseconds now) const {
    return now - start_ >= length_ ? share_ : share_ * Ratio(now - start_, length_);
  }

 private:
  double share_;
  nanoseconds start_;
  nanoseconds length_;
};

class CpuLoad : public Load {
 public:
  explicit CpuLoad(const v1::CpuOrder& order)
      : ramp_(order.spec()),
        left_(static_cast<size_t>(order.cores_size())),
        used_(static_cast<size_t>(order.cores_size())) {}

  Status Start(const v1::CpuOrder& order) {
    const bool total = order.spec().mode() == v1::CPU_MODE_TOTAL;
    const CpuCore::Share asked = [this](nanoseconds now) { return ramp_.At(now); };
    for (const uint32_t number : order.cores()) {
      const CpuCore::Share left = [&share = left_[cores_.size()]](nanoseconds) {
        return share.load();
      };
      ASSIGN_OR_RETURN(auto core, CpuCore::Load(static_cast<int>(number), order.spec().priority(),
                                                total ? kLongestDebtInTotal : kLongestDebt,
                                                total ? left : asked));
      cores_.push_back(std::move(core));
    }
    if (total) {
      ASSIGN_OR_RETURN(total_, CpuTotal::Start(asked, cores_, left_));
    }
    return absl::OkStatus();
  }

  StatusOr<v1::Effect> Observe() override {
    const nanoseconds now = MonotonicNow();
    const nanoseconds elapsed = now - std::exchange(observed_, now);
    ASSIGN_OR_RETURN(IdleTimes idle, ReadIdleTimes());
    const std::map<int, double> busy = utilisation_.Update(std::move(idle), now);
    v1::Effect effect;
    v1::CpuEffect& cpu = *effect.mutable_cpu();
    double sum = 0;
    for (size_t i = 0; i < cores_.size(); ++i) {
      const nanoseconds before = std::exchange(used_[i], cores_[i]->used());
      v1::CoreEffect& core = *cpu.add_cores();
      core.set_core(static_cast<uint32_t>(cores_[i]->number()));
      core.set_achieved_percent(kPercent * Ratio(used_[i] - before, elapsed));
      if (const auto found = busy.find(cores_[i]->number()); found != busy.end())
        core.set_busy_percent(kPercent * std::clamp(found->second, 0.0, 1.0));
      sum += core.achieved_percent();
    }
    cpu.set_requested_percent(kPercent * ramp_.At(now));
    cpu.set_achieved_percent(sum / static_cast<double>(cores_.size()));
    return effect;
  }

 private:
  const Ramp ramp_;
  nanoseconds observed_ = MonotonicNow();
  CoreUtilisation utilisation_;
  CpuTotal::Shares left_;
  CpuTotal::Cores cores_;
  std::vector<nanoseconds> used_;
  std::unique_ptr<CpuTotal> total_;  // in mode total
};

}  // namespace

StatusOr<std::unique_ptr<Load>> StartCpuLoad(const v1::CpuOrder& order) {
  if (order.cores().empty())
    return absl::InvalidArgumentError("load no core: the order names none");
  auto load = std::make_unique<CpuLoad>(order);
  RETURN_IF_ERROR(load->Start(order));
  return load;
}

}  // namespace faultd

#include "base/file_io.h"
#include "base/units.h"
#include "guards/condition.h"

namespace faultd {
namespace {

class MemoryCondition final : public Condition {
 public:
  MemoryCondition(std::string file, const v1::MemoryGuard& guard)
      : file_(std::move(file)), guard_(guard) {}

  StatusOr<std::string> Check() override {
    ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(file_));
    const auto total = NumberAfter(text, "MemTotal:");
    const auto available = NumberAfter(text, "MemAvailable:");
    if (!total || !available || *total == 0)
      return absl::InternalError(StrCat("read ", file_, ": it lacks MemTotal or MemAvailable"));
    const uint64_t bytes = *available << 10;
    std::string words = StrCat("memory: ", FormatSize(bytes), " available");
    if (guard_.has_below_bytes()) {
      if (bytes >= guard_.below_bytes()) return std::string();
      return StrCat(words, ", below ", FormatSize(guard_.below_bytes()));
    }
    const double percent = 100 * static_cast<double>(*available) / static_cast<double>(*total);
    if (percent >= guard_.below_percent()) return std::string();
    return StrCat(words, " of ", FormatSize(*total << 10), ", below ", guard_.below_percent(), "%");
  }

 private:
  const std::string file_;
  const v1::MemoryGuard guard_;
};

}  // namespace

StatusOr<std::unique_ptr<Condition>> MakeMemoryCondition(const v1::MemoryGuard& guard,
                                                         const std::string& path,
                                                         const Surroundings& surroundings) {
  switch (guard.bound_case()) {
    case v1::MemoryGuard::kBelowBytes:
      if (guard.below_bytes() > 0) break;
      return FieldError(path + ".memory.below_bytes", "0 is never reached; write 1 or more");
    case v1::MemoryGuard::kBelowPercent:
      if (guard.below_percent() > 0 && guard.below_percent() < 100) break;
      return FieldError(
          path + ".memory.below_percent",
          StrCat(guard.below_percent(), " is out of range; write above 0 and below 100"));
    default:
      return FieldError(path + ".memory", "has no bound; set below_bytes or below_percent");
  }
  return std::make_unique<MemoryCondition>(surroundings.root + "/proc/meminfo", guard);
}

}  // namespace faultd

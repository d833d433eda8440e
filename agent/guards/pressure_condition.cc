#include "absl/strings/numbers.h"
#include "base/file_io.h"
#include "guards/condition.h"

namespace faultd {
namespace {

// The average of 10 s on a line such as "some avg10=1.23 avg60=…".
StatusOr<double> Average(const std::string& file, std::string_view line) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(file));
  const std::string label = StrCat(line, " avg10=");
  const size_t found = text.find(label);
  double percent = 0;
  if (found != std::string::npos) {
    const size_t begin = found + label.size();
    const std::string number = text.substr(begin, text.find_first_of(" \n", begin) - begin);
    if (absl::SimpleAtod(number, &percent)) return percent;
  }
  return absl::InternalError(StrCat("read ", file, ": it has no ", label));
}

class PressureCondition final : public Condition {
 public:
  PressureCondition(std::string file, std::string_view resource, bool full, double above)
      : file_(std::move(file)), resource_(resource), full_(full), above_(above) {}

  StatusOr<std::string> Check() override {
    ASSIGN_OR_RETURN(const double percent, Average(file_, full_ ? "full" : "some"));
    if (percent <= above_) return std::string();
    return StrCat(resource_, " pressure", full_ ? " (full)" : "", ": ", percent,
                  "% of the last 10s, above ", above_, "%");
  }

 private:
  const std::string file_;
  const std::string_view resource_;
  const bool full_;
  const double above_;
};

std::string_view NameOf(v1::PressureGuard::Resource resource) {
  switch (resource) {
    case v1::PressureGuard::CPU:
      return "cpu";
    case v1::PressureGuard::MEMORY:
      return "memory";
    case v1::PressureGuard::IO:
      return "io";
    default:
      return "";
  }
}

}  // namespace

StatusOr<std::unique_ptr<Condition>> MakePressureCondition(const v1::PressureGuard& guard,
                                                           const std::string& path,
                                                           const Surroundings& surroundings) {
  const std::string_view resource = NameOf(guard.resource());
  if (resource.empty())
    return FieldError(path + ".pressure.resource",
                      "is missing or unknown; write CPU, MEMORY or IO");
  if (!(guard.above_percent() > 0 && guard.above_percent() < 100)) {
    return FieldError(
        path + ".pressure.above_percent",
        StrCat(guard.above_percent(), " is out of range; write above 0 and below 100"));
  }
  if (guard.full() && guard.resource() == v1::PressureGuard::CPU) {
    return FieldError(path + ".pressure.full",
                      "is not counted for CPU: some task always runs; leave it out");
  }
  std::string file = StrCat(surroundings.root, "/proc/pressure/", resource);
  // Open and read both fail where it is switched off, depending on the kernel.
  if (const auto now = Average(file, guard.full() ? "full" : "some"); !now.ok()) {
    return PreconditionError("PSI", resource,
                             StrCat(path,
                                    ": this kernel does not count pressure; boot it with "
                                    "psi=1 (",
                                    ToStd(now.status().message()), ")"));
  }
  return std::make_unique<PressureCondition>(std::move(file), resource, guard.full(),
                                             guard.above_percent());
}

}  // namespace faultd

#include "ctl/option_values.h"

#include "base/units.h"

namespace faultd::ctl {

Status OptionError(std::string_view option, std::string_view message) {
  return absl::InvalidArgumentError(StrCat(option, ": ", message));
}

StatusOr<std::chrono::nanoseconds> DurationOption(std::string_view option, std::string_view text) {
  auto duration = ParseDuration(text);
  if (!duration.ok()) return Annotate(duration.status(), option);
  return duration;
}

StatusOr<double> PercentOption(std::string_view option, std::string_view text) {
  auto percent = ParsePercent(text);
  if (!percent.ok()) return Annotate(percent.status(), option);
  return percent;
}

StatusOr<uint64_t> SizeOption(std::string_view option, std::string_view text) {
  auto size = ParseSize(text);
  if (!size.ok()) return Annotate(size.status(), option);
  return size;
}

StatusOr<uint32_t> CountOption(std::string_view option, std::string_view text) {
  uint32_t count = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &count))
    return OptionError(option, StrCat("\"", text, "\" is not a whole number"));
  return count;
}

}  // namespace faultd::ctl

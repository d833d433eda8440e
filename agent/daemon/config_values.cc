#include "daemon/config_values.h"

#include "base/units.h"

namespace faultd {

Status Expected(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("expected ", what));
}

StatusOr<std::string> ReadText(const toml::node& value) {
  if (!value.is_string()) return Expected("a string");
  return **value.as_string();
}

StatusOr<bool> ReadBool(const toml::node& value) {
  if (!value.is_boolean()) return Expected("true or false");
  return **value.as_boolean();
}

Status ReadDuration(const toml::node& value, std::chrono::nanoseconds least,
                    std::chrono::nanoseconds most, std::chrono::nanoseconds& into) {
  const auto text = ReadText(value);
  const auto duration = text.ok() ? ParseDuration(*text) : text.status();
  if (!duration.ok() || *duration < least || *duration > most) {
    return Expected(StrCat("a duration from \"", FormatDuration(least), "\" to \"",
                           FormatDuration(most), "\", in quotes"));
  }
  into = *duration;
  return absl::OkStatus();
}

Status ReadSize(const toml::node& value, uint64_t& into) {
  const auto text = ReadText(value);
  const auto size = text.ok() ? ParseSize(*text) : text.status();
  if (!size.ok()) return Expected("a size such as \"256MiB\", in quotes");
  into = *size;
  return absl::OkStatus();
}

void ConfigErrors::Add(const toml::source_region& where, std::string_view what) {
  ++count_;
  StrAppend(&lines_, lines_.empty() ? "" : "\n", path_, ":", where.begin.line, ":",
            where.begin.column, ": ", what);
}

Status ConfigErrors::ToStatus() const {
  return lines_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(lines_);
}

}  // namespace faultd

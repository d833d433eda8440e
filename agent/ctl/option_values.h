#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/status.h"

// The texts behind options as values. Errors begin with the option: `--delay: "5" is not a
// duration: write …`.
namespace faultd::ctl {

Status OptionError(std::string_view option, std::string_view message);

StatusOr<std::chrono::nanoseconds> DurationOption(std::string_view option, std::string_view text);
StatusOr<double> PercentOption(std::string_view option, std::string_view text);
StatusOr<uint64_t> SizeOption(std::string_view option, std::string_view text);
StatusOr<uint32_t> CountOption(std::string_view option, std::string_view text);

// The value for one of a few words; `what` they are ends the sentence "… is not <what>; write …".
template <typename Value>
struct Choice {
  std::string_view word;
  Value value;
};
template <typename Value, size_t count>
StatusOr<Value> ChoiceOption(std::string_view option, std::string_view text,
                             const std::array<Choice<Value>, count>& choices,
                             std::string_view what = "known") {
  std::string words;
  for (size_t i = 0; i < count; ++i) {
    if (choices[i].word == text) return choices[i].value;
    StrAppend(&words, i == 0 ? "" : i + 1 == count ? " or " : ", ", choices[i].word);
  }
  return OptionError(option, StrCat("\"", text, "\" is not ", what, "; write ", words));
}

}  // namespace faultd::ctl

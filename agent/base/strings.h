#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"

// Distributions build abseil with a string_view type of its own (ABSL_OPTION_USE_STD_STRING_VIEW
// 0), which does not convert from std::string_view. These stand between the two.
namespace faultd {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

namespace strings_internal {
template <typename T>
decltype(auto) StrCatArgument(const T& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return ToAbsl(value);
  } else {
    return (value);
  }
}
}  // namespace strings_internal

// absl::StrCat and absl::StrAppend that take std::string_view as well.
template <typename... Args>
std::string StrCat(const Args&... args) {
  return absl::StrCat(strings_internal::StrCatArgument(args)...);
}
template <typename... Args>
void StrAppend(std::string* text, const Args&... args) {
  absl::StrAppend(text, strings_internal::StrCatArgument(args)...);
}

}  // namespace faultd

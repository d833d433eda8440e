#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/status.h"

// What a fuzzer says when a promise is broken: the process ends, and libFuzzer keeps the input.
namespace faultd {

inline void Check(bool kept, std::string_view promise, std::string_view seen = {}) {
  if (kept) return;
  std::fprintf(stderr, "%s\n", StrCat("broken promise: ", promise, "\nseen: ", seen).c_str());
  std::abort();
}

// An error says something to a person, in text that every client can be sent.
void CheckError(const Status& error);
// The same, and which field of the request it is about.
void CheckFieldError(const Status& error);

// The first letters of an input say what it is for.
inline char TakeLetter(std::string_view& input) {
  if (input.empty()) return '\0';
  const char letter = input.front();
  input.remove_prefix(1);
  return letter;
}

inline std::string_view TextOf(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace faultd

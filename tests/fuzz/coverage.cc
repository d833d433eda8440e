#include <cstdint>

// Where libFuzzer looks for counters beside those of clang.
__attribute__((section("__libfuzzer_extra_counters"), used)) static uint8_t counters[1 << 16];

// NOLINTBEGIN(bugprone-reserved-identifier): the names are the compiler's.

// Called by g++ -fsanitize-coverage=trace-pc at the begin of each basic block. libFuzzer has a
// function of this name that only says that it is not supported any more; the linker puts this one
// in its place (--wrap).
extern "C" void __wrap___sanitizer_cov_trace_pc() {
  // The same in every process, wherever it is loaded: merging corpora compares several.
  const auto place = reinterpret_cast<uintptr_t>(__builtin_return_address(0)) -
                     reinterpret_cast<uintptr_t>(counters);
  uint8_t& counter = counters[(place ^ place >> 16) & 0xFFFF];
  if (counter != UINT8_MAX) ++counter;
}

// Of floating-point numbers, which clang does not trace.
extern "C" void __sanitizer_cov_trace_cmpf(float /*a*/, float /*b*/) {}
extern "C" void __sanitizer_cov_trace_cmpd(double /*a*/, double /*b*/) {}

// NOLINTEND(bugprone-reserved-identifier)

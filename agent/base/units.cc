#include "base/units.h"

#include <array>
#include <cctype>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace faultd {
namespace {

using std::chrono::nanoseconds;

struct Unit {
  std::string_view name;
  int64_t ns;
};

constexpr std::array kUnits = {Unit{"d", 86'400'000'000'000},
                               Unit{"h", 3'600'000'000'000},
                               Unit{"m", 60'000'000'000},
                               Unit{"s", 1'000'000'000},
                               Unit{"ms", 1'000'000},
                               Unit{"us", 1'000},
                               Unit{"ns", 1}};

constexpr double kLongestNs = 9.2e18;

Status Malformed(std::string_view text) {
  return absl::InvalidArgumentError(
      StrCat("\"", text, "\" is not a duration: write 90s, 1h30m, 250ms or ISO 8601 such as PT5M"));
}

const Unit* FindUnit(std::string_view name) {
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

// Reads "<number><unit>" from the front of `rest` and adds it to `total`, which has the digits for
// every count of nanoseconds.
bool TakeTerm(std::string_view& rest, long double& total) {
  size_t digits = 0;
  while (digits < rest.size() &&
         (absl::ascii_isdigit(static_cast<unsigned char>(rest[digits])) || rest[digits] == '.')) {
    ++digits;
  }
  size_t end = digits;
  while (end < rest.size() && absl::ascii_isalpha(static_cast<unsigned char>(rest[end]))) ++end;
  double number = 0;
  const Unit* unit = FindUnit(rest.substr(digits, end - digits));
  if (unit == nullptr || !absl::SimpleAtod(ToAbsl(rest.substr(0, digits)), &number)) return false;
  total += static_cast<long double>(number) * static_cast<long double>(unit->ns);
  rest.remove_prefix(end);
  return true;
}

// ISO 8601 without years, months and weeks, turned into the other form: "P1DT2H" -> "1d2h".
std::string FromIso8601(std::string_view text) {
  std::string terms;
  bool time = false;
  for (char c : text.substr(1)) {
    if (c == 'T') {
      time = true;
    } else if (c == 'M' && !time) {
      return "";  // months have no fixed length
    } else {
      terms.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    }
  }
  return terms;
}

}  // namespace

StatusOr<nanoseconds> ParseDuration(std::string_view text) {
  const std::string terms =
      !text.empty() && text.front() == 'P' ? FromIso8601(text) : std::string(text);
  std::string_view rest = terms;
  long double total = 0;
  if (rest.empty()) return Malformed(text);
  while (!rest.empty()) {
    if (!TakeTerm(rest, total)) return Malformed(text);
  }
  if (total > kLongestNs)
    return absl::InvalidArgumentError(StrCat("\"", text, "\" is too long a duration"));
  return nanoseconds(std::llround(total));
}

std::string FormatDuration(nanoseconds duration) {
  if (duration < nanoseconds::zero()) return StrCat("-", FormatDuration(-duration));
  if (duration == nanoseconds::zero()) return "0s";
  std::string text;
  int64_t rest = duration.count();
  for (const Unit& unit : kUnits) {
    if (rest >= unit.ns) {
      StrAppend(&text, rest / unit.ns, unit.name);
      rest %= unit.ns;
    }
  }
  return text;
}

StatusOr<uint64_t> ParseSize(std::string_view text) {
  struct SizeUnit {
    std::string_view name;
    double bytes;
  };
  constexpr double kKi = 1024;
  constexpr std::array kSizes = {
      SizeUnit{"", 1},
      SizeUnit{"B", 1},
      SizeUnit{"K", kKi},
      SizeUnit{"KiB", kKi},
      SizeUnit{"KB", 1e3},
      SizeUnit{"M", kKi * kKi},
      SizeUnit{"MiB", kKi * kKi},
      SizeUnit{"MB", 1e6},
      SizeUnit{"G", kKi * kKi * kKi},
      SizeUnit{"GiB", kKi * kKi * kKi},
      SizeUnit{"GB", 1e9},
      SizeUnit{"T", kKi * kKi * kKi * kKi},
      SizeUnit{"TiB", kKi * kKi * kKi * kKi},
      SizeUnit{"TB", 1e12},
  };
  const size_t end = text.find_first_not_of("0123456789.");
  const std::string_view name = end == std::string_view::npos ? "" : text.substr(end);
  double number = 0;
  for (const SizeUnit& unit : kSizes) {
    if (unit.name != name) continue;
    // Whole numbers of bytes can have more digits than a double.
    uint64_t whole = 0;
    if (unit.bytes == 1 && absl::SimpleAtoi(ToAbsl(text.substr(0, end)), &whole) &&
        whole < (uint64_t{1} << 63)) {
      return whole;
    }
    if (unit.bytes > 1 && absl::SimpleAtod(ToAbsl(text.substr(0, end)), &number) &&
        number * unit.bytes < 0x1p63) {
      return static_cast<uint64_t>(number * unit.bytes);
    }
  }
  return absl::InvalidArgumentError(
      StrCat("\"", text, "\" is not a size: write 4GiB, 512MiB or a number of bytes"));
}

std::string FormatSize(uint64_t bytes) {
  constexpr std::array kNames = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024; ++unit) value /= 1024;
  const double rounded = value >= 100 ? std::round(value) : std::round(value * 100) / 100;
  return StrCat(rounded, kNames[unit]);
}

StatusOr<double> ParsePercent(std::string_view text) {
  std::string_view number = text;
  if (!number.empty() && number.back() == '%') number.remove_suffix(1);
  double value = 0;
  if (!absl::SimpleAtod(ToAbsl(number), &value) || !std::isfinite(value) || value < 0 ||
      value > 100) {
    return absl::InvalidArgumentError(
        StrCat("\"", text, "\" is not a percentage: write a number from 0 to 100"));
  }
  return value;
}

}  // namespace faultd

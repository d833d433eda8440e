#include "ctl/render.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"

namespace faultd::ctl {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string WithoutPrefix(const std::string& name, std::string_view prefix) {
  std::string words = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
  return absl::StrReplaceAll(absl::AsciiStrToLower(words), {{"_", " "}});
}

// "1,234,567"
std::string Grouped(uint64_t number) {
  std::string digits = StrCat(number);
  for (size_t i = digits.size(); i > 3;) {
    i -= 3;
    digits.insert(i, 1, ',');
  }
  return digits;
}

std::string Bytes(uint64_t bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value,
                kUnits[unit]);
  return text;
}

// With one digit behind the point, where there is one to show.
std::string Rounded(double number) { return StrCat(std::round(number * 10) / 10); }

// "123.4", "1,234": digits that matter.
std::string Rate(double number) {
  return number < 1000 ? Rounded(number) : Grouped(static_cast<uint64_t>(std::llround(number)));
}

// A field of an effect as words: "packets_matched: 1234" reads "1,234 packets matched"; bytes come
// in the unit that fits, per cent as "%". Empty for lists.
std::string FieldWords(const Message& effect, const FieldDescriptor& field) {
  const auto& reflection = *effect.GetReflection();
  std::string words = absl::StrReplaceAll(field.name(), {{"_per_second", "/s"}, {"_", " "}});
  absl::string_view rest = words;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT64: {
      const uint64_t number = reflection.GetUInt64(effect, &field);
      if (absl::ConsumePrefix(&rest, "bytes ") || absl::ConsumeSuffix(&rest, " bytes"))
        return StrCat(Bytes(number), " ", rest);
      return StrCat(Grouped(number), " ", words);
    }
    case FieldDescriptor::CPPTYPE_UINT32:
      return StrCat(reflection.GetUInt32(effect, &field), " ", words);
    case FieldDescriptor::CPPTYPE_BOOL:
      return words;
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      const double number = reflection.GetDouble(effect, &field);
      if (absl::ConsumePrefix(&rest, "percent ") || absl::ConsumeSuffix(&rest, " percent"))
        return StrCat(Rounded(number), "% ", rest);
      if (absl::ConsumeSuffix(&rest, " bytes/s"))
        return StrCat(Bytes(static_cast<uint64_t>(number)), "/s ", rest);
      return StrCat(Rate(number), " ", words);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const auto* duration =
          dynamic_cast<const google::protobuf::Duration*>(&reflection.GetMessage(effect, &field));
      if (duration == nullptr) return "";
      return StrCat(words, " ", FormatDuration(FromProto(*duration)));
    }
    default:
      return "";
  }
}

std::string FormatUtc(time_t seconds, const char* format) {
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  std::strftime(text, sizeof(text), format, &parts);
  return text;
}

std::string LeaseWords(const v1::Fault& fault) {
  if (IsOver(fault)) return Words(fault.end_reason());
  if (!fault.lease().has_remaining()) return "";
  return ShortDuration(FromProto(fault.lease().remaining())) + " left";
}

std::string WhatWords(const v1::Fault& fault) {
  if (fault.end_detail().empty()) return fault.summary();
  return StrCat(fault.summary(), " (", fault.end_detail(), ")");
}

}  // namespace

std::string ShortDuration(std::chrono::nanoseconds duration) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  if (duration <= std::chrono::nanoseconds::zero()) return "0s";
  if (duration < seconds(1)) return FormatDuration(std::chrono::ceil<milliseconds>(duration));
  return FormatDuration(std::chrono::ceil<seconds>(duration));
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  return FormatUtc(time.seconds(), "%Y-%m-%d %H:%M:%S UTC");
}

std::string FormatClock(time_t seconds) { return FormatUtc(seconds, "%H:%M:%S"); }

std::string Words(v1::FaultState state) {
  return WithoutPrefix(v1::FaultState_Name(state), "FAULT_STATE_");
}

std::string Words(v1::EndReason reason) {
  if (reason == v1::END_REASON_UNSPECIFIED) return "";
  if (reason == v1::END_REASON_GUARD) return "ended by a guard";
  return WithoutPrefix(v1::EndReason_Name(reason), "END_REASON_");
}

bool IsOver(const v1::Fault& fault) {
  return fault.state() == v1::FAULT_STATE_REVERTED || fault.state() == v1::FAULT_STATE_FAILED;
}

std::string EffectWords(const v1::Effect& effect) {
  const auto* kind = effect.GetDescriptor()->FindOneofByName("kind");
  const FieldDescriptor* arm = effect.GetReflection()->GetOneofFieldDescriptor(effect, kind);
  if (arm == nullptr) return "";
  const Message& numbers = effect.GetReflection()->GetMessage(effect, arm);
  const auto& type = *numbers.GetDescriptor();
  std::vector<std::string> parts;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    // The first number tells whether the fault hits anything at all, so zero is said.
    if (field.is_repeated() || (i > 0 && !numbers.GetReflection()->HasField(numbers, &field)))
      continue;
    if (std::string words = FieldWords(numbers, field); !words.empty())
      parts.push_back(std::move(words));
  }
  return absl::StrJoin(parts, ", ");
}

std::string FaultLine(const v1::Fault& fault) {
  std::string line = StrCat(fault.id(), " ", Words(fault.state()));
  if (const std::string lease = LeaseWords(fault); !lease.empty()) StrAppend(&line, ", ", lease);
  if (!fault.end_detail().empty()) StrAppend(&line, " (", fault.end_detail(), ")");
  StrAppend(&line, ": ", fault.summary());
  if (!fault.error().message().empty()) StrAppend(&line, " (", fault.error().message(), ")");
  return line;
}

std::string FaultTable(const std::vector<v1::Fault>& faults) {
  constexpr size_t kGap = 2;
  std::vector<std::array<std::string, 4>> rows = {{"ID", "STATE", "LEASE", "WHAT"}};
  for (const v1::Fault& fault : faults)
    rows.push_back({fault.id(), Words(fault.state()), LeaseWords(fault), WhatWords(fault)});
  std::array<size_t, 3> widths{};
  for (const auto& row : rows) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i)
      StrAppend(&line, row[i], std::string(widths[i] + kGap - row[i].size(), ' '));
    lines.push_back(line + row.back());
  }
  return absl::StrJoin(lines, "\n");
}

std::string ProgressLine(const v1::Fault& fault, std::chrono::nanoseconds remaining, size_t width) {
  constexpr double kCells = 30;
  const auto whole = std::max(FromProto(fault.lease().duration()), std::chrono::nanoseconds(1));
  const double done =
      1 - static_cast<double>(remaining.count()) / static_cast<double>(whole.count());
  const auto filled = static_cast<size_t>(kCells * std::clamp(done, 0.0, 1.0));
  const bool active = fault.state() == v1::FAULT_STATE_ACTIVE;
  std::string line = StrCat(fault.id(), " [", std::string(filled, '#'),
                            std::string(static_cast<size_t>(kCells) - filled, '-'), "] ",
                            active ? ShortDuration(remaining) + " left" : Words(fault.state()));
  if (const std::string effect = EffectWords(fault.effect()); !effect.empty())
    StrAppend(&line, ", ", effect);
  // A line as wide as the terminal would wrap and could not be replaced.
  return line.substr(0, width - 1);
}

}  // namespace faultd::ctl

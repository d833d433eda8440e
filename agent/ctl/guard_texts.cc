#include "ctl/guard_texts.h"

#include <array>

#include "base/units.h"
#include "ctl/option_values.h"

namespace faultd::ctl {
namespace {

constexpr std::string_view kOption = "--stop-if";

// What stands before the first colon, and behind it.
struct Parts {
  std::string_view head;
  std::string_view tail;
  bool colon = false;
};
Parts SplitAtColon(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {text, {}, false};
  return {text.substr(0, colon), text.substr(colon + 1), true};
}

// The same error about the whole text, which may be one of several.
Status About(std::string_view text, const Status& status) {
  std::string_view message = ToStd(status.message());
  if (message.starts_with(kOption)) message.remove_prefix(kOption.size() + 2);
  return OptionError(kOption, StrCat(text, ": ", message));
}

Status Malformed(std::string_view text, std::string_view form) {
  return OptionError(kOption, StrCat("\"", text, "\" is not understood; write ", form));
}

StatusOr<v1::Guard> Probe(std::string_view text, std::string_view rest, bool up) {
  const Parts parts = SplitAtColon(rest);
  if (parts.head.empty())
    return Malformed(text, up ? "probe-up:NAME or probe-up:NAME:TIMES"
                              : "probe:NAME or probe:NAME:TIMES, e.g. probe:db:3");
  v1::Guard guard;
  guard.mutable_probe()->set_probe(std::string(parts.head));
  if (up) guard.mutable_probe()->set_state(v1::PROBE_STATE_UP);
  if (parts.colon) {
    const auto count = CountOption(kOption, parts.tail);
    if (!count.ok()) return About(text, count.status());
    if (*count == 0) return About(text, OptionError(kOption, "0 times is always; write 1 or more"));
    guard.mutable_probe()->set_consecutive(*count);
  }
  return guard;
}

StatusOr<v1::Guard> Pressure(std::string_view text, std::string_view rest,
                             v1::PressureGuard::Resource resource) {
  const Parts parts = SplitAtColon(rest);
  const bool can_be_full = resource != v1::PressureGuard::CPU;
  if (parts.head.empty() || (parts.colon && !(can_be_full && parts.tail == "full"))) {
    const std::string form = StrCat(SplitAtColon(text).head, ":PERCENT");
    return Malformed(text, can_be_full ? StrCat(form, " or ", form, ":full") : form);
  }
  const auto percent = PercentOption(kOption, parts.head);
  if (!percent.ok()) return About(text, percent.status());
  v1::Guard guard;
  guard.mutable_pressure()->set_resource(resource);
  guard.mutable_pressure()->set_above_percent(*percent);
  guard.mutable_pressure()->set_full(parts.colon);
  return guard;
}

StatusOr<v1::Guard> CpuPressure(std::string_view text, std::string_view rest) {
  return Pressure(text, rest, v1::PressureGuard::CPU);
}
StatusOr<v1::Guard> MemoryPressure(std::string_view text, std::string_view rest) {
  return Pressure(text, rest, v1::PressureGuard::MEMORY);
}
StatusOr<v1::Guard> IoPressure(std::string_view text, std::string_view rest) {
  return Pressure(text, rest, v1::PressureGuard::IO);
}
StatusOr<v1::Guard> ProbeDown(std::string_view text, std::string_view rest) {
  return Probe(text, rest, false);
}
StatusOr<v1::Guard> ProbeUp(std::string_view text, std::string_view rest) {
  return Probe(text, rest, true);
}

StatusOr<v1::Guard> MemoryBelow(std::string_view text, std::string_view rest) {
  if (rest.empty()) return Malformed(text, "memory-below:SIZE or memory-below:PERCENT%");
  v1::Guard guard;
  if (rest.ends_with('%')) {
    const auto percent = PercentOption(kOption, rest);
    if (!percent.ok()) return About(text, percent.status());
    guard.mutable_memory()->set_below_percent(*percent);
  } else {
    const auto bytes = SizeOption(kOption, rest);
    if (!bytes.ok()) return About(text, bytes.status());
    guard.mutable_memory()->set_below_bytes(*bytes);
  }
  return guard;
}

StatusOr<v1::Guard> Alarm(std::string_view text, std::string_view rest) {
  if (rest.empty()) return Malformed(text, "alarm:NAME, with the name or the ARN of the alarm");
  v1::Guard guard;
  guard.mutable_alarm()->set_alarm(std::string(rest));
  return guard;
}

StatusOr<v1::Guard> File(std::string_view text, std::string_view rest) {
  if (!rest.starts_with('/'))
    return Malformed(text, "file:PATH with an absolute path, e.g. file:/run/faultd/HALT");
  v1::Guard guard;
  guard.mutable_file()->set_path(std::string(rest));
  return guard;
}

struct Form {
  std::string_view word;
  StatusOr<v1::Guard> (*parse)(std::string_view text, std::string_view rest);
  std::string_view shown;
};
constexpr std::array kForms = {
    Form{"probe", ProbeDown, "probe:NAME[:N]"},
    Form{"probe-up", ProbeUp, "probe-up:NAME[:N]"},
    Form{"cpu-pressure", CpuPressure, "cpu-pressure:PERCENT"},
    Form{"memory-pressure", MemoryPressure, "memory-pressure:PERCENT[:full]"},
    Form{"io-pressure", IoPressure, "io-pressure:PERCENT[:full]"},
    Form{"memory-below", MemoryBelow, "memory-below:SIZE|PERCENT%"},
    Form{"alarm", Alarm, "alarm:NAME"},
    Form{"file", File, "file:PATH"}};

std::string PressureText(const v1::PressureGuard& guard) {
  const std::string_view resource = guard.resource() == v1::PressureGuard::CPU      ? "cpu"
                                    : guard.resource() == v1::PressureGuard::MEMORY ? "memory"
                                                                                    : "io";
  return StrCat(resource, "-pressure:", guard.above_percent(), guard.full() ? ":full" : "");
}

}  // namespace

StatusOr<v1::Guard> ParseGuard(std::string_view text) {
  const Parts parts = SplitAtColon(text);
  std::string forms;
  for (const Form& form : kForms) {
    if (form.word == parts.head) return form.parse(text, parts.tail);
    StrAppend(&forms, forms.empty() ? "" : ", ", form.shown);
  }
  return OptionError(kOption, StrCat("\"", text, "\" is not a guard; write one of ", forms));
}

std::string GuardText(const v1::Guard& guard) {
  switch (guard.condition_case()) {
    case v1::Guard::kProbe: {
      const v1::ProbeGuard& probe = guard.probe();
      return StrCat(probe.state() == v1::PROBE_STATE_UP ? "probe-up:" : "probe:", probe.probe(),
                    probe.consecutive() == 0 ? "" : StrCat(":", probe.consecutive()));
    }
    case v1::Guard::kPressure:
      return PressureText(guard.pressure());
    case v1::Guard::kMemory:
      return StrCat("memory-below:", guard.memory().has_below_percent()
                                         ? StrCat(guard.memory().below_percent(), "%")
                                         : FormatSize(guard.memory().below_bytes()));
    case v1::Guard::kAlarm:
      return StrCat("alarm:", guard.alarm().alarm());
    case v1::Guard::kFile:
      return StrCat("file:", guard.file().path());
    case v1::Guard::CONDITION_NOT_SET:
      break;
  }
  return "unknown; a newer faultctl may know it";
}

}  // namespace faultd::ctl

#include "ctl/output.h"

#include <google/protobuf/util/json_util.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "ctl/brief.h"
#include <google/protobuf/wrappers.pb.h>

namespace faultd::ctl {

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  // Only a detail of a type that is not known here cannot be printed.
  return status.ok() ? json : "{}";
}

std::string ToJson(const std::string& text) {
  google::protobuf::StringValue value;
  value.set_value(text);
  return ToJson(value);
}

Output::Output(std::ostream& out, std::ostream& err, Style style)
    : out_(out), err_(err), style_(style) {}

void Output::Text(std::string_view lines) {
  if (style_.json) return;
  ClearProgress();
  out_ << OfHost(lines) << '\n' << std::flush;
}

void Output::Json(std::string_view object) {
  if (style_.json) out_ << OfHost(object) << '\n' << std::flush;
}

void Output::Json(const google::protobuf::Message& message) {
  if (style_.json) Json(ToJson(message));
}

void Output::Json(const v1::Fault& fault) {
  if (style_.json) Json(style_.brief ? BriefFault(fault) : ToJson(fault));
}

void Output::Json(const std::vector<v1::Fault>& faults) {
  if (style_.brief) return Json(BriefFaults(faults));
  for (const v1::Fault& fault : faults) Json(fault);
}

std::string Output::OfHost(std::string_view lines) const {
  if (style_.host.empty()) return std::string(lines);
  std::vector<std::string> each = absl::StrSplit(ToAbsl(lines), '\n');
  for (std::string& line : each) {
    if (style_.json) {
      const bool empty = line == "{}";
      line = StrCat("{\"host\":", ToJson(style_.host), empty ? "" : ",", line.substr(1));
    } else {
      line = StrCat(style_.host, line.empty() ? ":" : ": ", line);
    }
  }
  return absl::StrJoin(each, "\n");
}

void Output::Progress(std::string_view line) {
  if (style_.json || !style_.terminal || line == progress_) return;
  out_ << "\r\033[K" << line << std::flush;
  progress_ = line;
}

void Output::Redraw(std::string_view lines) {
  if (style_.json || !style_.terminal) return;
  if (drawn_ > 0) out_ << "\033[" << drawn_ << "A\r\033[J";
  drawn_ = 0;
  // The last line of the terminal is the cursor's.
  for (absl::string_view line : absl::StrSplit(ToAbsl(lines), '\n')) {
    if (drawn_ + 1 >= style_.height) break;
    out_ << CutToWidth(ToStd(line), style_.width) << '\n';
    ++drawn_;
  }
  out_ << std::flush;
}

void Output::ClearProgress() {
  if (progress_.empty()) return;
  out_ << "\r\033[K";
  progress_.clear();
}

ExitCode Output::Fail(const Failure& failure) {
  Warn(failure.message);
  if (style_.brief) {
    Json(BriefError(failure.message));
  } else if (style_.json) {
    Json(StrCat("{\"error\":", ToJson(failure.status), "}"));
  }
  return failure.exit;
}

void Output::Warn(std::string_view message) {
  ClearProgress();
  out_ << std::flush;
  err_ << "faultctl: " << (style_.host.empty() ? "" : style_.host + ": ") << message << '\n'
       << std::flush;
}

std::string CutToWidth(std::string_view line, size_t width) {
  size_t columns = 0;
  size_t end = 0;
  while (end < line.size()) {
    if (line[end] == '\033') {
      end = std::min(line.find('m', end), line.size() - 1) + 1;
      continue;
    }
    if ((line[end] & 0xc0) != 0x80 && ++columns > width) break;
    ++end;
  }
  const bool coloured = end < line.size() && line.find('\033') < end;
  return StrCat(line.substr(0, end), coloured ? "\033[0m" : "");
}

namespace {

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// That of characters: locale(7) says which variable comes first.
std::string_view Locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE"}) {
    if (const std::string_view value = Variable(name); !value.empty()) return value;
  }
  return Variable("LANG");
}

bool IsUtf8(std::string_view locale) {
  const std::string lower = absl::AsciiStrToLower(ToAbsl(locale));
  return absl::StrContains(lower, "utf-8") || absl::StrContains(lower, "utf8");
}

}  // namespace

Output::Style StyleOfStdout(bool json, bool brief) {
  Output::Style style{
      .json = json || brief, .brief = brief, .terminal = isatty(STDOUT_FILENO) == 1};
  winsize size{};
  if (style.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    style.width = size.ws_col;
  if (style.terminal && size.ws_row > 1) style.height = size.ws_row;
  style.color = style.terminal && Variable("NO_COLOR").empty() && Variable("TERM") != "dumb";
  style.utf8 = style.terminal && IsUtf8(Locale());
  return style;
}

}  // namespace faultd::ctl

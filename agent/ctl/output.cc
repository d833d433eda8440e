#include "ctl/output.h"

#include <google/protobuf/util/json_util.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/strings.h"

namespace faultd::ctl {

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  // Only a detail of a type that is not known here cannot be printed.
  return status.ok() ? json : "{}";
}

Output::Output(std::ostream& out, std::ostream& err, Style style)
    : out_(out), err_(err), style_(style) {}

void Output::Text(std::string_view lines) {
  if (style_.json) return;
  ClearProgress();
  out_ << lines << '\n' << std::flush;
}

void Output::Json(std::string_view object) {
  if (style_.json) out_ << object << '\n' << std::flush;
}

void Output::Json(const google::protobuf::Message& message) {
  if (style_.json) Json(ToJson(message));
}

void Output::Progress(std::string_view line) {
  if (style_.json || !style_.terminal || line == progress_) return;
  out_ << "\r\033[K" << line << std::flush;
  progress_ = line;
}

void Output::ClearProgress() {
  if (progress_.empty()) return;
  out_ << "\r\033[K";
  progress_.clear();
}

ExitCode Output::Fail(const Failure& failure) {
  Warn(failure.message);
  if (style_.json) Json(StrCat("{\"error\":", ToJson(failure.status), "}"));
  return failure.exit;
}

void Output::Warn(std::string_view message) {
  ClearProgress();
  out_ << std::flush;
  err_ << "faultctl: " << message << '\n' << std::flush;
}

Output::Style StyleOfStdout(bool json) {
  Output::Style style{.json = json, .terminal = isatty(STDOUT_FILENO) == 1};
  winsize size{};
  if (style.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    style.width = size.ws_col;
  return style;
}

}  // namespace faultd::ctl

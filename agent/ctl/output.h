#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/failure.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace faultd::v1 {
class Fault;
}  // namespace faultd::v1

namespace faultd::ctl {

// A message as one line of JSON with the field names of the .proto files.
std::string ToJson(const google::protobuf::Message& message);
std::string ToJson(const std::string& text);

// Where a command's results go: text for people, or with `json` one object per line for programs.
// Not thread-safe.
class Output {
 public:
  struct Style {
    bool json = false;
    bool brief = false;     // with json: as little as brief.h says
    bool terminal = false;  // of `out`
    bool color = false;     // the terminal shows colours, and nobody has set NO_COLOR
    bool utf8 = false;      // the terminal shows more than ASCII
    size_t width = 80;      // of the terminal
    size_t height = 24;
    // One of several hosts that the results are of: stands before each line, and in each object.
    std::string host;
  };

  Output(std::ostream& out, std::ostream& err, Style style);

  const Style& style() const { return style_; }

  // A line, or lines, for people only.
  void Text(std::string_view lines);
  // An object, or one per line, for programs only.
  void Json(std::string_view object);
  void Json(const google::protobuf::Message& message);
  void Json(const v1::Fault& fault);
  void Json(const std::vector<v1::Fault>& faults);
  // Replaces the line that Progress wrote last; only for people at a terminal.
  void Progress(std::string_view line);
  // Replaces the lines that Redraw wrote last, cut to the size of the terminal; only for people at
  // one.
  void Redraw(std::string_view lines);
  // Tells both, and returns the exit code.
  ExitCode Fail(const Failure& failure);
  // To people, beside the results.
  void Warn(std::string_view message);

  // Nobody reads the results any more.
  bool broken() const { return !out_; }

 private:
  void ClearProgress();
  // The lines with the host before each.
  std::string OfHost(std::string_view lines) const;

  std::ostream& out_;
  std::ostream& err_;
  const Style style_;
  std::string progress_;
  size_t drawn_ = 0;  // lines of Redraw above the cursor
};

// The first `width` columns of a line that may have colours.
std::string CutToWidth(std::string_view line, size_t width);

// Output to stdout and stderr of this process.
Output::Style StyleOfStdout(bool json, bool brief);

}  // namespace faultd::ctl

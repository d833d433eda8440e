#include "audit/read.h"
#include "audit/verify.h"
#include "base/strings.h"
#include "ctl/commands.h"
#include <nlohmann/json.hpp>

namespace faultd::ctl {
namespace {

using Json = nlohmann::ordered_json;

ExitCode Unreadable(const Status& error, Output& output) {
  Failure failure{.exit = ExitCode::kFaultFailed, .message = std::string(error.message())};
  failure.status.set_code(static_cast<int>(error.code()));
  failure.status.set_message(failure.message);
  return output.Fail(failure);
}

ExitCode Verify(const std::string& path, Output& output) {
  const StatusOr<AuditReport> report = VerifyAudit(path);
  if (!report.ok()) return Unreadable(report.status(), output);
  output.Json(Json({{"files", report->files},
                    {"lines", report->lines},
                    {"first", report->first},
                    {"last", report->last},
                    {"problems", report->problems}})
                  .dump(-1, ' ', true, Json::error_handler_t::replace));
  for (const std::string& problem : report->problems) output.Text(problem);
  const std::string extent = StrCat(report->lines, " lines in ", report->files, " files, numbers ",
                                    report->first, " to ", report->last);
  if (report->problems.empty()) {
    output.Text(StrCat("the audit log is as it was written: ", extent));
    return ExitCode::kDone;
  }
  output.Text(StrCat("THE AUDIT LOG IS NOT AS IT WAS WRITTEN: ", extent));
  return ExitCode::kFaultFailed;
}

// A member as people read it; what is no printable ASCII stays escaped.
std::string Word(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return "";
  const std::string quoted = found->dump(-1, ' ', true, Json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

std::string Sentence(std::string_view line) {
  const Json entry = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!entry.is_object()) return "(a line that is none of the audit log)";
  const Json result = entry.value("result", Json::object());
  const std::string fault = Word(entry, "fault");
  const std::string message = Word(result, "message");
  return StrCat(Word(entry, "time"), " ", Word(entry, "decision"), " ", Word(entry, "method"),
                fault.empty() ? "" : " of ", fault, " by ", Word(entry, "actor"), " (",
                Word(entry, "rule"), "): ", Word(result, "code"), message.empty() ? "" : ": ",
                message);
}

ExitCode Show(const std::string& path, Output& output) {
  std::vector<std::string> files;
  const auto older = OlderFiles(path);
  if (!older.ok()) return Unreadable(older.status(), output);
  for (const int number : *older) files.push_back(OlderFile(path, number));
  files.push_back(path);
  for (const std::string& file : files) {
    const StatusOr<std::string> content = ReadAuditFile(file);
    if (!content.ok()) return Unreadable(content.status(), output);
    ForEachLine(*content, [&](const RawLine& line) {
      output.Json(line.text);
      if (!output.style().json) output.Text(Sentence(line.text));
    });
  }
  return ExitCode::kDone;
}

}  // namespace

ExitCode Audit(const Options& options, Output& output) {
  return options.verify ? Verify(options.file, output) : Show(options.file, output);
}

}  // namespace faultd::ctl

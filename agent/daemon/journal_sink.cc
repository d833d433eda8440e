#include "daemon/journal_sink.h"

#include <spdlog/sinks/base_sink.h>
#include <sys/uio.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_io.h"
#include "base/strings.h"
#include <systemd/sd-journal.h>

namespace faultd {
namespace {

class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string text(message.payload.data(), message.payload.size());
    const int priority = SyslogPriority(message.level);
    std::vector<std::string> fields = {StrCat("MESSAGE=", text), StrCat("PRIORITY=", priority),
                                       "SYSLOG_IDENTIFIER=faultd"};
    if (const LogSubject* subject = LogAbout::Current(); subject != nullptr) {
      const std::pair<std::string_view, const std::string&> about[] = {
          {"FAULT_ID", subject->fault_id}, {"KIND", subject->kind},     {"STATE", subject->state},
          {"ACTOR", subject->actor},       {"METHOD", subject->method}, {"AUDIT", subject->audit}};
      for (const auto& [name, value] : about) {
        if (!value.empty()) fields.push_back(StrCat(name, "=", value));
      }
    }
    std::vector<iovec> parts;
    for (std::string& field : fields) parts.push_back({field.data(), field.size()});
    if (sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) >= 0) return;
    (void)WriteAll(STDERR_FILENO, StrCat("<", priority, ">", text, "\n"), "stderr").ok();
  }
  void flush_() override {}
};

}  // namespace

spdlog::sink_ptr MakeJournalSink() { return std::make_shared<JournalSink>(); }

}  // namespace faultd

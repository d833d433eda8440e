#include "daemon/journal_sink.h"

#include <spdlog/sinks/base_sink.h>
#include <sys/uio.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>
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
      fields.push_back(StrCat("FAULT_ID=", subject->fault_id));
      fields.push_back(StrCat("KIND=", subject->kind));
      fields.push_back(StrCat("STATE=", subject->state));
      fields.push_back(StrCat("ACTOR=", subject->actor));
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

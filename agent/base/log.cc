#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "base/stderr_sink.h"
#include "base/strings.h"

namespace faultd {
namespace {

thread_local const LogSubject* current_subject = nullptr;

// %* of our journal pattern: the sd-daemon(3) prefix of the level.
class PriorityPrefix final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    out.push_back('<');
    out.push_back(static_cast<char>('0' + SyslogPriority(message.level)));
    out.push_back('>');
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityPrefix>();
  }
};

}  // namespace

bool LogsToJournal() {
  // Device and inode, in decimal (systemd.exec(5)).
  const char* stream = getenv("JOURNAL_STREAM");
  struct stat info{};
  return stream != nullptr && fstat(STDERR_FILENO, &info) == 0 &&
         StrCat(info.st_dev, ":", info.st_ino) == stream;
}

int SyslogPriority(spdlog::level::level_enum level) {
  constexpr int kPriorities[] = {7, 7, 6, 4, 3, 2, 6};
  return kPriorities[level];
}

LogAbout::LogAbout(const LogSubject& subject) : before_(current_subject) {
  current_subject = &subject;
}

LogAbout::~LogAbout() { current_subject = before_; }

const LogSubject* LogAbout::Current() { return current_subject; }

void SetUpLogging(LogFormat format, spdlog::level::level_enum level, spdlog::sink_ptr journal) {
  if (format == LogFormat::kAuto) {
    format = LogsToJournal() ? LogFormat::kJournal : LogFormat::kConsole;
  }
  const bool to_journal = format == LogFormat::kJournal && journal != nullptr;
  auto logger = std::make_shared<spdlog::logger>(
      "", to_journal ? std::move(journal) : MakeStderrSink(FileLog::kByThread));
  if (format == LogFormat::kConsole) {
    logger->set_pattern("%H:%M:%S.%e %^%-5l%$ %v");
  } else if (!to_journal) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<PriorityPrefix>('*').set_pattern("%*%v");
    logger->set_formatter(std::move(formatter));
  }
  logger->set_level(level);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace faultd

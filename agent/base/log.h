#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace faultd {

// What a line of the log is about, for those who look for all lines about one thing.
struct LogSubject {
  std::string fault_id;
  std::string kind;   // of the fault: "latency"
  std::string state;  // "ACTIVE"
  std::string actor;
  std::string method;  // of a request
  std::string audit;   // its line in the audit log
};

// Lines that this thread logs are about `subject` while this lives.
class LogAbout {
 public:
  explicit LogAbout(const LogSubject& subject);
  ~LogAbout();
  LogAbout(const LogAbout&) = delete;
  LogAbout& operator=(const LogAbout&) = delete;

  // For sinks; nullptr when the line is about nothing in particular.
  static const LogSubject* Current();

 private:
  const LogSubject* const before_;
};

enum class LogFormat {
  kAuto,     // journal format when stderr is connected to the journal, else console
  kConsole,  // time, coloured level, message
  kJournal,  // "<priority>message", as systemd reads it (sd-daemon(3))
};

// Sets up the default logger on stderr; in journal format on `journal`, if there is one. Lines
// about a fault begin with "fault <id>: ".
void SetUpLogging(LogFormat format, spdlog::level::level_enum level,
                  spdlog::sink_ptr journal = nullptr);

// Whether stderr is connected to the journal, as systemd tells its services. Their children have
// the same environment, but often another stderr.
bool LogsToJournal();

// Priority of a level as syslog(3) has it.
int SyslogPriority(spdlog::level::level_enum level);

}  // namespace faultd

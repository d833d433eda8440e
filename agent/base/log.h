#pragma once

#include <spdlog/spdlog.h>

namespace faultd {

enum class LogFormat {
  kAuto,     // journal format when stderr is connected to the journal, else console
  kConsole,  // time, coloured level, message
  kJournal,  // "<priority>message", as systemd reads it (sd-daemon(3))
};

// Sets up the default logger on stderr. Lines about a fault begin with "fault <id>: ".
void SetUpLogging(LogFormat format, spdlog::level::level_enum level);

}  // namespace faultd

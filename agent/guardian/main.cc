// faultd-guardian: puts the host back from the journal, and does nothing else.
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "base/journal_sink.h"
#include "base/stderr_sink.h"
#include "base/strings.h"
#include "guardian/guardian.h"

namespace {

constexpr char kUsage[] =
    "usage: faultd-guardian --once [--state-dir DIR] [--wait MILLISECONDS]\n"
    "       faultd-guardian --watch PID [--state-dir DIR]\n"
    "\n"
    "--once   revert everything that faultd left on this host, and say what was done;\n"
    "         refuses while a daemon runs (default: waits 5000 ms for it to be gone)\n"
    "--watch  guard the daemon PID, the parent, and revert when it is gone; started by faultd "
    "itself\n"
    "--state-dir  where the journal is (default /var/lib/faultd)\n"
    "\n"
    "Exit codes: 0 the host is as it was; 1 something could not be reverted; 2 usage;\n"
    "3 a running daemon holds the journal.\n";

// A guardian that cannot begin must not wait either: the daemon starts another one when it ends.
int Fail(const faultd::Status& status) {
  faultd::WriteToStderr(faultd::StrCat("faultd-guardian: ", status.message(), "\n"));
  return absl::IsUnavailable(status) ? 3 : 1;
}

// Under systemd with fields. Whoever reads it may hang: nobody waits.
void SetUpLog() {
  const bool journal = faultd::LogsToJournal();
  auto logger = std::make_shared<spdlog::logger>(
      "", journal ? faultd::MakeJournalSink("faultd-guardian")
                  : faultd::MakeStderrSink(faultd::FileLog::kDirectly));
  if (!journal) logger->set_pattern("faultd-guardian: %v");
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace

int main(int argc, char** argv) {
  // Whatever the parent forgot to mark close-on-exec must not live on here.
  syscall(SYS_close_range, 3U, UINT_MAX, 0U);
  SetUpLog();
  faultd::StatePaths paths{"/var/lib/faultd"};
  bool once = false;
  int watch = 0;
  int wait_ms = 5000;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (argument == "--help" || argument == "-h") {
      fputs(kUsage, stdout);
      return 0;
    }
    if (argument == "--version") {
      puts("faultd-guardian " FAULTD_VERSION);
      return 0;
    }
    if (argument == "--once") {
      once = true;
      continue;
    }
    const bool good = value != nullptr &&
                      ((argument == "--state-dir" && (paths.directory = value, true)) ||
                       (argument == "--watch" && absl::SimpleAtoi(value, &watch) && watch > 1) ||
                       (argument == "--wait" && absl::SimpleAtoi(value, &wait_ms)));
    if (!good) {
      fprintf(stderr, "faultd-guardian: %s: not understood\n%s", argument.c_str(), kUsage);
      return 2;
    }
    ++i;
  }
  if (once == (watch > 0)) {
    fputs(kUsage, stderr);
    return 2;
  }
  const faultd::Status status =
      once ? faultd::RevertOnce(paths, wait_ms) : faultd::WatchDaemon(paths, watch);
  return status.ok() ? 0 : Fail(status);
}

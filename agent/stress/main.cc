// faultd-stress: puts load on the host for one fault. Started by faultd, which talks to it over the
// socket that is its standard input.
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "stress/stress.h"

int main(int argc, char** argv) {
  // --fault and --state-dir tell whose process this is; only faultd reads them, in /proc.
  pid_t parent = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--parent") {
      std::from_chars(argv[i + 1], argv[i + 1] + strlen(argv[i + 1]), parent);
    }
  }
  if (parent <= 0) {
    fputs("faultd-stress is started by faultd, not by hand; see `faultctl --help`\n", stderr);
    return 2;
  }
  const faultd::Status status = faultd::RunStress(STDIN_FILENO, parent);
  if (!status.ok()) fprintf(stderr, "faultd-stress: %s\n", std::string(status.message()).c_str());
  _exit(status.ok() ? 0 : 1);
}

#include "bench/commands.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_join.h"
#include "base/strings.h"
#include "bench/require.h"

namespace faultd::bench {

pid_t Spawn(const std::vector<std::string>& command, const std::string& error_file) {
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (!error_file.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error_file.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
  }
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) Require(ErrnoStatus(error, StrCat("start ", command[0])));
  return pid;
}

int Wait(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

void Run(const std::vector<std::string>& command) {
  if (const int status = Wait(Spawn(command)); status != 0) {
    Require(absl::InternalError(StrCat(absl::StrJoin(command, " "), ": status ", status)));
  }
}

}  // namespace faultd::bench

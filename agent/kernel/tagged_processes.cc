#include "kernel/tagged_processes.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/file_io.h"
#include "base/strings.h"

namespace faultd {
namespace {

constexpr char kName[] = "faultd-stress";  // as in /proc/PID/comm, which holds 15 characters

// Whether all its user ids are ours.
bool IsOfOurUser(const std::string& proc) {
  const auto status = ReadSmallFile(proc + "/status");
  const uid_t us = geteuid();
  return status.ok() &&
         absl::StrContains(*status, StrCat("\nUid:\t", us, "\t", us, "\t", us, "\t", us, "\n"));
}

// The fault of a process; "" if it is no stress process of this daemon, or gone. The arguments of
// another user's process are not even read: they are in its memory, which it can make such that
// whoever reads it waits for ever.
std::string FaultOf(const std::string& proc, const std::string& state_dir) {
  const auto name = ReadSmallFile(proc + "/comm");
  if (!name.ok() || *name != kName || !IsOfOurUser(proc)) return "";
  const auto command_line = ReadSmallFile(proc + "/cmdline");
  if (!command_line.ok()) return "";
  const std::vector<std::string> words = absl::StrSplit(*command_line, '\0');
  const bool ours = words.size() > 4 && words[1] == "--fault" && words[3] == "--state-dir" &&
                    words[4] == state_dir;
  return ours ? words[2] : "";
}

}  // namespace

StatusOr<std::vector<TaggedProcess>> FindStressProcesses(const std::string& state_dir) {
  std::vector<TaggedProcess> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc"), closedir);
  if (directory == nullptr) return ErrnoStatus(errno, "open /proc");
  while (const dirent* entry = readdir(directory.get())) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    const std::string proc = StrCat("/proc/", pid);
    if (FaultOf(proc, state_dir).empty()) continue;
    auto process = Process::Open(pid);
    if (absl::IsNotFound(process.status()) || ErrnoOf(process.status()) == ESRCH) continue;
    RETURN_IF_ERROR(process.status());
    // Looked at again: the number may have gone to another process before it was opened.
    std::string fault_id = FaultOf(proc, state_dir);
    if (!fault_id.empty() && !process->IsGone())
      found.push_back({*std::move(process), std::move(fault_id)});
  }
  return found;
}

}  // namespace faultd

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

// Whether all its user ids are ours and it is in no container, that is, has no other process id
// (proc(5)).
bool IsOneOfUs(const std::string& proc, pid_t pid) {
  const auto status = ReadSmallFile(proc + "/status");
  if (!status.ok()) return false;
  const auto says = [&](const std::string& text) { return absl::StrContains(*status, text); };
  const uid_t us = geteuid();
  const bool contained = says("\nNSpid:") && !says(StrCat("\nNSpid:\t", pid, "\n"));
  return !contained && says(StrCat("\nUid:\t", us, "\t", us, "\t", us, "\t", us, "\n"));
}

// The fault of a process; "" if it is no stress process of this daemon, or gone. The arguments of
// others are not even read: they are in the process's memory, which it can make such that whoever
// reads it waits for ever.
std::string FaultOf(pid_t pid, const std::string& state_dir) {
  const std::string proc = StrCat("/proc/", pid);
  const auto name = ReadSmallFile(proc + "/comm");
  if (!name.ok() || *name != kName || !IsOneOfUs(proc, pid)) return "";
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
    if (FaultOf(pid, state_dir).empty()) continue;
    auto process = Process::Open(pid);
    if (absl::IsNotFound(process.status()) || ErrnoOf(process.status()) == ESRCH) continue;
    RETURN_IF_ERROR(process.status());
    // Looked at again: the number may have gone to another process before it was opened.
    std::string fault_id = FaultOf(pid, state_dir);
    if (!fault_id.empty() && !process->IsGone())
      found.push_back({*std::move(process), std::move(fault_id)});
  }
  return found;
}

}  // namespace faultd

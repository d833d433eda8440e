#include "kernel/stress_processes.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <map>
#include <set>

#include "base/file_io.h"
#include "base/strings.h"
#include "kernel/file_removals.h"
#include "kernel/process.h"
#include "kernel/starting_process.h"
#include "kernel/stress_cgroup.h"
#include "kernel/tagged_processes.h"

namespace faultd {
namespace {

// How many processes the kernel has killed for want of memory since it was started; 0 if unknown.
uint64_t CountOomKills() {
  const auto text = ReadSmallFile("/proc/vmstat");
  return text.ok() ? NumberAfter(*text, "oom_kill ").value_or(0) : 0;
}

std::string Canonical(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? path : std::string(resolved);
}

class LinuxStressProcesses final : public StressProcesses {
 public:
  explicit LinuxStressProcesses(StressProgram program)
      : program_(std::move(program.path)),
        state_dir_(Canonical(program.state_dir)),
        cgroups_(state_dir_) {}

  StatusOr<std::string> CgroupParent() override { return cgroups_.Parent(); }

  bool Started(const std::string& id) const override { return children_.contains(id); }

  Status Start(const std::string& id, const std::string& cgroup_parent,
               const std::string& order) override {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
      return ErrnoStatus(errno, "make a socket pair");
    UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    if (!cgroup_parent.empty()) RETURN_IF_ERROR(cgroups_.Make(cgroup_parent, id));
    Child child{.socket = std::move(ours),
                .cgroup_parent = cgroup_parent,
                .order = order,
                .oom_kills = CountOomKills()};
    ASSIGN_OR_RETURN(
        child.starting,
        StartingProcess::Start(
            program_, {"--fault", id, "--state-dir", state_dir_, "--parent", StrCat(getpid())},
            std::move(theirs)));
    children_.emplace(id, std::move(child));
    return absl::OkStatus();
  }

  StatusOr<std::optional<std::string>> Report(const std::string& id) override {
    const auto found = children_.find(id);
    if (found == children_.end()) return absl::DataLossError("its stress process is gone");
    Child& child = found->second;
    if (child.starting) {
      const StatusOr<bool> runs = TakeStarted(child);
      if (!runs.ok()) children_.erase(found);
      RETURN_IF_ERROR(runs.status());
      if (!*runs) return std::nullopt;
      RETURN_IF_ERROR(GiveOrder(id, child));
    }
    // Asked before the socket is read, so that nothing it has said is missed.
    const bool gone = child.process->IsGone();
    if (Receive(child) || !gone) return child.report;
    if (child.end.empty()) child.end = WordsForEnd(child);
    return absl::DataLossError(child.end);
  }

  StatusOr<bool> End(const std::string& id, const std::string& cgroup_parent) override {
    ASSIGN_OR_RETURN(const bool dead, Kill(id));
    if (cgroup_parent.empty()) return dead;
    ASSIGN_OR_RETURN(const bool removed, cgroups_.Remove(cgroup_parent, id));
    return dead && removed;
  }

  StatusOr<bool> RemoveFiles(const std::string& id, const StressFiles& files) override {
    return removals_.Remove(FilesDirectory(id, files.path), files.mount_point);
  }

  StatusOr<std::vector<std::string>> ListStrays() override {
    ASSIGN_OR_RETURN(const std::vector<TaggedProcess> processes, FindStressProcesses(state_dir_));
    ASSIGN_OR_RETURN(const std::string parent, CgroupParent());
    ASSIGN_OR_RETURN(const std::vector<std::string> cgroups, cgroups_.List(parent));
    std::set<std::string> ids(cgroups.begin(), cgroups.end());
    for (const TaggedProcess& process : processes) ids.insert(process.fault_id);
    for (const auto& [id, child] : children_) ids.erase(id);
    return std::vector<std::string>(ids.begin(), ids.end());
  }

 private:
  struct Child {
    std::optional<StartingProcess> starting = std::nullopt;  // until `process` is there
    std::optional<Process> process = std::nullopt;
    UniqueFd socket;
    std::string cgroup_parent;
    std::string order;
    std::optional<std::string> report = std::nullopt;
    uint64_t oom_kills = 0;  // of the kernel, before the process was started
    std::string end;         // how it ended, once that was asked for
  };

  // Takes the process once it is executed; false before that.
  static StatusOr<bool> TakeStarted(Child& child) {
    if (!child.starting->IsDone()) return false;
    StatusOr<Process> process = child.starting->Take();
    child.starting.reset();
    RETURN_IF_ERROR(process.status());
    child.process = *std::move(process);
    return true;
  }

  // It does nothing before it has its order, and so all it does is done in the cgroup.
  Status GiveOrder(const std::string& id, const Child& child) const {
    if (!child.cgroup_parent.empty())
      RETURN_IF_ERROR(cgroups_.Enter(child.cgroup_parent, id, child.process->pid()));
    const std::string& order = child.order;
    if (send(child.socket.get(), order.data(), order.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
      return ErrnoStatus(errno, "send the order to the stress process");
    return absl::OkStatus();
  }

  // Reads what there is to read; whether there was anything.
  static bool Receive(Child& child) {
    constexpr size_t kLongest = 64 << 10;
    std::string packet;
    bool any = false;
    for (;;) {
      packet.resize(kLongest);
      const ssize_t length = recv(child.socket.get(), packet.data(), packet.size(), MSG_DONTWAIT);
      if (length < 0 && errno == EINTR) continue;
      if (length <= 0) return any;
      child.report = packet.substr(0, static_cast<size_t>(length));
      any = true;
    }
  }

  static std::string WordsForEnd(const Child& child) {
    const bool oom = CountOomKills() > child.oom_kills;
    const std::string how = child.process->Reap();
    if (oom && how == StrCat("killed by signal ", SIGKILL)) {
      return StrCat("the kernel killed stress process ", child.process->pid(),
                    " because memory ran out (OOM killer)");
    }
    return StrCat("stress process ", child.process->pid(), " ended by itself: ", how);
  }

  StatusOr<bool> Kill(const std::string& id) {
    const auto found = children_.find(id);
    if (found == children_.end()) return KillStranger(id);
    Child& child = found->second;
    if (child.starting) {
      const StatusOr<bool> runs = TakeStarted(child);
      if (runs.ok() && !*runs) return false;
    }
    if (child.process && !child.process->IsGone()) {
      RETURN_IF_ERROR(child.process->Signal(SIGKILL));
      if (!child.process->IsGone()) return false;
    }
    if (child.process && child.end.empty()) (void)child.process->Reap();
    children_.erase(found);
    return true;
  }

  // One that another process has started: a daemon that is dead by now.
  StatusOr<bool> KillStranger(const std::string& id) {
    ASSIGN_OR_RETURN(const std::vector<TaggedProcess> processes, FindStressProcesses(state_dir_));
    bool gone = true;
    for (const TaggedProcess& each : processes) {
      if (each.fault_id != id) continue;
      RETURN_IF_ERROR(each.process.Signal(SIGKILL));
      gone = gone && each.process.IsGone();
    }
    return gone;
  }

  const std::string program_;
  const std::string state_dir_;
  StressCgroups cgroups_;
  FileRemovals removals_;
  std::map<std::string, Child> children_;
};

}  // namespace

std::string StressProcesses::FilesDirectory(const std::string& id, const std::string& path) {
  return StrCat(path, path == "/" ? "" : "/", ".faultd-", id);
}

std::unique_ptr<StressProcesses> OpenStressProcesses(StressProgram program) {
  return std::make_unique<LinuxStressProcesses>(std::move(program));
}

}  // namespace faultd

#include "kernel/stress_cgroup.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/file_io.h"
#include "base/strings.h"
#include "kernel/process.h"

namespace faultd {
namespace {

// cgroup.kill is there since Linux 5.14.
Status KillAll(const std::string& directory) {
  Status killed = WriteSmallFile(directory + "/cgroup.kill", "1");
  if (!absl::IsNotFound(killed)) return killed;
  auto processes = ReadSmallFile(directory + "/cgroup.procs");
  if (absl::IsNotFound(processes.status())) return absl::OkStatus();
  RETURN_IF_ERROR(processes.status());
  for (absl::string_view line : absl::StrSplit(*processes, '\n', absl::SkipEmpty())) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(line, &pid) || pid <= 0) continue;
    if (auto process = Process::Open(pid); process.ok()) RETURN_IF_ERROR(process->Signal(SIGKILL));
  }
  return absl::OkStatus();
}

}  // namespace

StressCgroups::StressCgroups(const std::string& state_dir) {
  const auto* bytes = reinterpret_cast<const Bytef*>(state_dir.data());
  const uLong tag = crc32(0, bytes, static_cast<uInt>(state_dir.size()));
  prefix_ = StrCat("faultd-", absl::Hex(tag, absl::kZeroPad8), "-");
}

StatusOr<std::string> StressCgroups::Parent() {
  ASSIGN_OR_RETURN(const OwnCgroups cgroups, cgroups_.Find());
  const auto own = cgroups.Unified();
  if (!own || access(own->path.c_str(), W_OK) != 0) return "";
  return own->path;
}

std::string StressCgroups::Path(const std::string& parent, const std::string& id) const {
  return StrCat(parent, "/", prefix_, id);
}

Status StressCgroups::Make(const std::string& parent, const std::string& id) const {
  const std::string path = Path(parent, id);
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    return ErrnoStatus(errno, StrCat("make cgroup ", path));
  return absl::OkStatus();
}

Status StressCgroups::Enter(const std::string& parent, const std::string& id, pid_t process) const {
  return WriteSmallFile(Path(parent, id) + "/cgroup.procs", StrCat(process));
}

StatusOr<bool> StressCgroups::Remove(const std::string& parent, const std::string& id) const {
  const std::string path = Path(parent, id);
  if (rmdir(path.c_str()) == 0 || errno == ENOENT) return true;
  if (errno != EBUSY) return ErrnoStatus(errno, StrCat("remove cgroup ", path));
  RETURN_IF_ERROR(KillAll(path));
  return false;
}

StatusOr<std::vector<std::string>> StressCgroups::List(const std::string& parent) const {
  std::vector<std::string> ids;
  if (parent.empty()) return ids;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(parent.c_str()), closedir);
  if (directory == nullptr) return ErrnoStatus(errno, StrCat("open ", parent));
  while (const dirent* entry = readdir(directory.get())) {
    absl::string_view name = entry->d_name;
    if (absl::ConsumePrefix(&name, prefix_)) ids.emplace_back(name);
  }
  return ids;
}

}  // namespace faultd

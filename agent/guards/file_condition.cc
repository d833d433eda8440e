#include <algorithm>
#include <array>
#include <filesystem>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/file_io.h"
#include "guards/condition.h"

namespace faultd {
namespace {

class FileCondition final : public Condition {
 public:
  FileCondition(std::string path, FileEvents& events) : path_(std::move(path)), events_(events) {}

  StatusOr<std::string> Check() override {
    ASSIGN_OR_RETURN(const bool is_there, events_.IsThere(path_));
    if (is_there) return StrCat("file ", path_, was_absent_ ? " appeared" : " is there");
    was_absent_ = true;
    return std::string();
  }

 private:
  const std::string path_;
  FileEvents& events_;
  bool was_absent_ = false;
};

// Looking at a file there waits for a server, for ever if the fault cuts the way to it.
constexpr std::array kRemote = {"afs",    "autofs", "ceph", "cifs", "fuse",
                                "lustre", "nfs",    "nfs4", "smb3"};

bool IsRemote(std::string_view type) {
  type = type.substr(0, type.find('.'));  // "fuse.sshfs"
  return std::find(kRemote.begin(), kRemote.end(), type) != kRemote.end();
}

bool IsBelow(std::string_view path, std::string_view directory) {
  return directory == "/" ||
         (path.starts_with(directory) && path.substr(directory.size()).starts_with('/'));
}

// "nfs4 at /mnt/efs" for a path on a remote file system, else empty. From the list of mounts
// (proc(5)): to ask the file system itself may wait as well.
std::string RemoteMountOf(const std::string& path, const std::string& mounts) {
  std::string where;
  std::string type;
  for (absl::string_view line : absl::StrSplit(mounts, '\n')) {
    const std::vector<absl::string_view> sides = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    const std::vector<absl::string_view> fields = absl::StrSplit(sides[0], ' ');
    if (sides.size() < 2 || fields.size() < 5) continue;
    const std::string point = absl::StrReplaceAll(
        fields[4], {{"\\040", " "}, {"\\011", "\t"}, {"\\012", "\n"}, {"\\134", "\\"}});
    // Of two mounts in one place the later covers the other.
    if (!IsBelow(path, point) || point.size() < where.size()) continue;
    where = point;
    type = std::string(sides[1].substr(0, sides[1].find(' ')));
  }
  return IsRemote(type) ? StrCat(type, " at ", where) : std::string();
}

}  // namespace

StatusOr<std::unique_ptr<Condition>> MakeFileCondition(const v1::FileGuard& guard,
                                                       const std::string& path,
                                                       const Surroundings& surroundings) {
  const std::string& file = guard.path();
  const bool plain = std::filesystem::path(file).lexically_normal().native() == file;
  if (!plain || !file.starts_with('/') || file.ends_with('/') ||
      file.find('\0') != std::string::npos) {
    return FieldError(path + ".file.path",
                      StrCat("\"", file,
                             "\" is not the absolute path of a file, without . and ..; write e.g. "
                             "/run/faultd/HALT"));
  }
  ASSIGN_OR_RETURN(const std::string mounts, ReadMounts(surroundings.root));
  if (const std::string remote = RemoteMountOf(file, mounts); !remote.empty()) {
    return FieldError(path + ".file.path",
                      StrCat("\"", file, "\" is on a network file system (", remote,
                             "), which may hang when this host most needs to look; write a path on "
                             "a local one, such as /run/faultd/HALT"));
  }
  return std::make_unique<FileCondition>(file, surroundings.files);
}

}  // namespace faultd

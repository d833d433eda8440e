#include "kernel/file_system.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace faultd {
namespace {

struct KnownFileSystem {
  std::string_view name;
  bool pseudo;
};

// statfs(2); magic numbers that linux/magic.h lacks are spelled out.
KnownFileSystem TypeOf(uint32_t magic) {
  static const std::map<uint32_t, KnownFileSystem> kKnown = {
      {EXT4_SUPER_MAGIC, {"ext4", false}},
      {XFS_SUPER_MAGIC, {"xfs", false}},
      {BTRFS_SUPER_MAGIC, {"btrfs", false}},
      {TMPFS_MAGIC, {"tmpfs", false}},
      {OVERLAYFS_SUPER_MAGIC, {"overlayfs", false}},
      {NFS_SUPER_MAGIC, {"nfs", false}},
      {PROC_SUPER_MAGIC, {"proc", true}},
      {SYSFS_MAGIC, {"sysfs", true}},
      {CGROUP_SUPER_MAGIC, {"cgroup", true}},
      {CGROUP2_SUPER_MAGIC, {"cgroup2", true}},
      {DEBUGFS_MAGIC, {"debugfs", true}},
      {TRACEFS_MAGIC, {"tracefs", true}},
      {SECURITYFS_MAGIC, {"securityfs", true}},
      {SELINUX_MAGIC, {"selinuxfs", true}},
      {BPF_FS_MAGIC, {"bpf", true}},
      {DEVPTS_SUPER_MAGIC, {"devpts", true}},
      {PSTOREFS_MAGIC, {"pstore", true}},
      {EFIVARFS_MAGIC, {"efivarfs", true}},
      {BINFMTFS_MAGIC, {"binfmt_misc", true}},
      {HUGETLBFS_MAGIC, {"hugetlbfs", true}},
      {NSFS_MAGIC, {"nsfs", true}},
      {CRAMFS_MAGIC, {"cramfs", false}},
      {SQUASHFS_MAGIC, {"squashfs", false}},
      {0x62656570, {"configfs", true}},
      {0x19800202, {"mqueue", true}},
      {0x65735543, {"fusectl", true}},
  };
  const auto found = kKnown.find(magic);
  return found == kKnown.end() ? KnownFileSystem{"", false} : found->second;
}

// The thread may have descriptors of its own.
StatusOr<std::string> PathOf(const UniqueFd& directory) {
  char path[PATH_MAX];
  const ssize_t length =
      readlink(StrCat("/proc/thread-self/fd/", directory.get()).c_str(), path, sizeof(path));
  if (length < 0) return ErrnoStatus(errno, "read the path of a directory");
  return std::string(path, static_cast<size_t>(length));
}

// What two directories of one mount have in common.
struct MountIdentity {
  uint64_t id = 0;  // 0 before Linux 5.8, which tells mounts of one file system apart
  dev_t device = 0;
  friend bool operator==(const MountIdentity&, const MountIdentity&) = default;
};

StatusOr<MountIdentity> MountOf(const std::string& path) {
  struct statx info{};
  if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &info) != 0)
    return ErrnoStatus(errno, StrCat("look for ", path));
  MountIdentity mount{.device = makedev(info.stx_dev_major, info.stx_dev_minor)};
  if ((info.stx_mask & STATX_MNT_ID) != 0) mount.id = info.stx_mnt_id;
  return mount;
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

double FileSystemFacts::PercentFull() const {
  const uint64_t reachable = used_bytes + free_bytes;
  return reachable == 0 ? 100
                        : 100 * static_cast<double>(used_bytes) / static_cast<double>(reachable);
}

StatusOr<FileSystemFacts> ReadFileSystemOf(const std::string& directory) {
  const UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() && errno == ENOTDIR)
    return PreconditionError("PATH", directory, StrCat(directory, " is not a directory"));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("open ", directory));
  struct statfs type{};
  struct statvfs room{};
  struct stat inode{};
  if (fstatfs(fd.get(), &type) != 0 || fstatvfs(fd.get(), &room) != 0 ||
      fstat(fd.get(), &inode) != 0) {
    return ErrnoStatus(errno, StrCat("read the file system of ", directory));
  }
  const auto magic = static_cast<uint32_t>(type.f_type);
  const KnownFileSystem known = TypeOf(magic);
  FileSystemFacts facts;
  ASSIGN_OR_RETURN(facts.path, PathOf(fd));
  ASSIGN_OR_RETURN(facts.mount_point, MountPointOf(facts.path));
  facts.type = known.name.empty() ? absl::StrCat("0x", absl::Hex(magic)) : std::string(known.name);
  facts.pseudo = known.pseudo;
  facts.read_only = (room.f_flag & ST_RDONLY) != 0;
  facts.device = inode.st_dev;
  facts.total_bytes = room.f_blocks * room.f_frsize;
  facts.used_bytes = (room.f_blocks - room.f_bfree) * room.f_frsize;
  facts.free_bytes = room.f_bavail * room.f_frsize;
  facts.total_inodes = room.f_files;
  facts.free_inodes = room.f_favail;
  return facts;
}

StatusOr<std::string> MountPointOf(std::string path) {
  StatusOr<MountIdentity> mount = MountOf(path);
  while (!mount.ok() && (ErrnoOf(mount.status()) == ENOENT || ErrnoOf(mount.status()) == ENOTDIR)) {
    path = DirectoryOf(path);
    mount = MountOf(path);
  }
  RETURN_IF_ERROR(mount.status());
  while (path != "/") {
    std::string above = DirectoryOf(path);
    ASSIGN_OR_RETURN(const MountIdentity outer, MountOf(above));
    if (outer != *mount) break;
    path = std::move(above);
  }
  return path;
}

}  // namespace faultd

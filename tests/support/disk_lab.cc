#include "support/disk_lab.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/file_io.h"
#include "base/strings.h"
#include "support/netns.h"

namespace faultd {

namespace fs = std::filesystem;

void DiskLab::SetUp() {
  outside_.Reset(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (unshare(CLONE_NEWNS) != 0) {
    outside_.Reset();
    const std::string reason = std::string("cannot make a mount namespace: ") + strerror(errno);
    if (InCi()) FAIL() << reason;
    GTEST_SKIP() << reason;
  }
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << strerror(errno);
  std::string pattern = testing::TempDir() + "disk_labXXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr) << strerror(errno);
  root_ = fs::canonical(pattern);
  ASSERT_EQ(mount("lab", root_.c_str(), "tmpfs", 0, "size=600m"), 0) << strerror(errno);
}

void DiskLab::TearDown() {
  if (!outside_.valid()) return;
  for (auto at = mounts_.rbegin(); at != mounts_.rend(); ++at)
    EXPECT_EQ(umount(at->c_str()), 0) << *at << ": " << strerror(errno);
  EXPECT_EQ(umount(root_.c_str()), 0) << strerror(errno);
  EXPECT_EQ(rmdir(root_.c_str()), 0) << strerror(errno);
  EXPECT_EQ(setns(outside_.get(), CLONE_NEWNS), 0) << strerror(errno);
}

std::string DiskLab::NewDirectory() {
  std::string path = StrCat(root_, "/", mounts_.size());
  fs::create_directory(path);
  return path;
}

std::string DiskLab::MakeTmpfs(const std::string& options) {
  const std::string path = NewDirectory();
  EXPECT_EQ(mount("lab", path.c_str(), "tmpfs", 0, options.c_str()), 0) << strerror(errno);
  mounts_.push_back(path);
  return path;
}

std::string DiskLab::MakeLoop(const std::string& mkfs, uint64_t bytes,
                              const std::string& mount_options) {
  return MountImage(StrCat(root_, "/", mounts_.size(), ".image"), mkfs, bytes, mount_options);
}

std::string DiskLab::MakeBreakableLoop(const std::string& mkfs, uint64_t bytes) {
  breakable_.Reset(memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  return MountImage(StrCat("/proc/", getpid(), "/fd/", breakable_.get()), mkfs, bytes, "");
}

void DiskLab::Break() {
  EXPECT_EQ(fcntl(breakable_.get(), F_ADD_SEALS, F_SEAL_WRITE), 0) << strerror(errno);
}

std::string DiskLab::MountImage(const std::string& image, const std::string& mkfs, uint64_t bytes,
                                const std::string& mount_options) {
  Sh(StrCat("truncate -s ", bytes, " ", image, " && ", mkfs, " -q -F ", image));
  return Mount(image, mount_options);
}

std::string DiskLab::Mount(const std::string& image, const std::string& options) {
  const std::string path = NewDirectory();
  Sh(StrCat("mount -o loop,", options, " ", image, " ", path));
  mounts_.push_back(path);
  return path;
}

std::string DiskLab::AfterLossOfPower(const std::string& path) {
  const std::string copy = StrCat(root_, "/", mounts_.size(), ".image");
  Sh(StrCat("cp ", ImageOf(path), " ", copy));
  return Mount(copy, "");
}

void DiskLab::MountAgain(const std::string& path) {
  Sh(StrCat("mount -o loop ", ImageOf(path), " ", path));
}

std::string DiskLab::ImageOf(const std::string& path) const {
  const auto found = std::find(mounts_.begin(), mounts_.end(), path);
  return StrCat(root_, "/", found - mounts_.begin(), ".image");
}

StressProcess DiskLab::Start(const v1::StressOrder& order) {
  auto process = StressProcess::Start(FAULTD_STRESS, order);
  if (!process.ok()) throw std::runtime_error(std::string(process.status().message()));
  return *std::move(process);
}

v1::Effect DiskLab::AwaitEffect(StressProcess& process,
                                const std::function<bool(const v1::Effect&)>& condition) {
  for (int i = 0; i < 30; ++i) {
    const StatusOr<v1::Effect> effect = process.NextEffect();
    EXPECT_EQ(effect.status(), absl::OkStatus());
    if (!effect.ok() || condition(*effect)) return effect.value_or(v1::Effect());
  }
  ADD_FAILURE() << "the effect never came";
  return {};
}

Status DiskLab::AwaitError(StressProcess& process) {
  for (int i = 0; i < 30; ++i) {
    if (const StatusOr<v1::Effect> effect = process.NextEffect(); !effect.ok())
      return effect.status();
  }
  return absl::OkStatus();
}

uint64_t DiskLab::FreeBytes(const std::string& directory) {
  struct statvfs room{};
  EXPECT_EQ(statvfs(directory.c_str(), &room), 0) << strerror(errno);
  return room.f_bavail * room.f_frsize;
}

uint64_t DiskLab::FreeInodes(const std::string& directory) {
  struct statvfs room{};
  EXPECT_EQ(statvfs(directory.c_str(), &room), 0) << strerror(errno);
  return room.f_favail;
}

std::vector<std::string> DiskLab::Names(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename() != "lost+found") names.push_back(entry.path().filename());
  }
  return names;
}

UniqueFd DiskLab::TakeBytes(const std::string& directory, uint64_t bytes) {
  UniqueFd file(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  EXPECT_EQ(fallocate(file.get(), 0, 0, static_cast<off_t>(bytes)), 0) << strerror(errno);
  return file;
}

int DiskLab::TryToWrite(const std::string& directory) {
  const UniqueFd file(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid()) return errno;
  const std::string data(64 << 10, 'x');
  if (write(file.get(), data.data(), data.size()) < 0) return errno;
  return fsync(file.get()) == 0 ? 0 : errno;
}

std::vector<std::string> DiskLab::NamelessFiles(pid_t pid) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(StrCat("/proc/", pid, "/fd"))) {
    std::error_code ignored;
    const std::string target = fs::read_symlink(entry.path(), ignored);
    if (target.ends_with(" (deleted)")) paths.push_back(entry.path());
  }
  return paths;
}

uint64_t DiskLab::IoCounter(pid_t pid, const std::string& name) {
  const auto text = ReadSmallFile(StrCat("/proc/", pid, "/io"));
  const auto value = text.ok() ? NumberAfter(*text, name + ":") : std::nullopt;
  EXPECT_TRUE(value) << "no " << name;
  return value.value_or(0);
}

}  // namespace faultd

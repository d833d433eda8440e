#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "support/stress_process.h"

namespace faultd {

// A test with small file systems in a mount namespace of its own. Without the privilege to make one
// it is skipped, or fails where the environment says CI=true.
class DiskLab : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Each answers with the directory where the new file system is mounted.
  std::string MakeTmpfs(const std::string& options);
  // On a loop device; `mkfs`: "mkfs.ext4 -N 1000".
  std::string MakeLoop(const std::string& mkfs, uint64_t bytes,
                       const std::string& mount_options = "");
  // The same on a disk that answers every write with an I/O error once `Break` is called.
  std::string MakeBreakableLoop(const std::string& mkfs, uint64_t bytes);
  void Break();

  // What would be found in a file system of MakeLoop if the power failed now, mounted elsewhere.
  std::string AfterLossOfPower(const std::string& path);

  // Of a file system of MakeLoop, after umount(8).
  void MountAgain(const std::string& path);

  // Starts faultd-stress; a test failure if that cannot be.
  StressProcess Start(const v1::StressOrder& order);
  // The first of the next reports that satisfies `condition`; a test failure after some 30.
  static v1::Effect AwaitEffect(StressProcess& process,
                                const std::function<bool(const v1::Effect&)>& condition);
  // The error that the process reports, after reports of effects.
  static Status AwaitError(StressProcess& process);

  static uint64_t FreeBytes(const std::string& directory);
  static uint64_t FreeInodes(const std::string& directory);
  // Names in the directory, but for what mkfs has put there.
  static std::vector<std::string> Names(const std::string& directory);
  // A file of so many bytes in the directory, or a test failure.
  static UniqueFd TakeBytes(const std::string& directory, uint64_t bytes);
  // Errno of trying to write a file of 64 KiB; 0 if it can be done.
  static int TryToWrite(const std::string& directory);
  // Paths that lead to the files which the process has open and which have no name.
  static std::vector<std::string> NamelessFiles(pid_t pid);
  // A number of /proc/<pid>/io.
  static uint64_t IoCounter(pid_t pid, const std::string& name);

 private:
  std::string NewDirectory();
  std::string MountImage(const std::string& image, const std::string& mkfs, uint64_t bytes,
                         const std::string& mount_options);
  std::string Mount(const std::string& image, const std::string& options);
  std::string ImageOf(const std::string& path) const;

  std::string root_;
  std::vector<std::string> mounts_;
  UniqueFd breakable_;
  UniqueFd outside_;  // the mount namespace where the thread came from
};

}  // namespace faultd

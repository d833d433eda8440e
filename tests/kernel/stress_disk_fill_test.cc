// Disk fill by the real faultd-stress on small file systems; what it does is read from these.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "base/file_io.h"
#include "base/strings.h"
#include "kernel/file_system.h"
#include "kernel/tagged_files.h"
#include "stress/disk_place.h"
#include "support/disk_lab.h"
#include "support/netns.h"

namespace faultd {
namespace {

using testing::Contains;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr uint64_t kMiB = 1 << 20;
// What a file system may take for itself to keep account of a file.
constexpr uint64_t kOverhead = 256 << 10;

class DiskFillTest : public DiskLab {
 protected:
  static v1::StressOrder BytesOrder(const std::string& path, uint64_t bytes) {
    v1::StressOrder order;
    v1::DiskFillOrder& fill = *order.mutable_disk_fill();
    fill.mutable_spec()->set_path(path);
    fill.mutable_spec()->set_bytes(bytes);
    fill.set_directory(path + "/.faultd-test");
    fill.set_bytes(bytes);
    return order;
  }
  static v1::StressOrder FullOrder(const std::string& path, uint64_t bytes) {
    v1::StressOrder order = BytesOrder(path, bytes);
    order.mutable_disk_fill()->mutable_spec()->set_percent_full(100);
    return order;
  }
  static v1::StressOrder InodesOrder(const std::string& path, uint64_t inodes) {
    v1::StressOrder order = BytesOrder(path, 0);
    order.mutable_disk_fill()->mutable_spec()->set_inodes_percent_full(100);
    order.mutable_disk_fill()->set_inodes(inodes);
    return order;
  }
  static bool IsComplete(const v1::Effect& effect) {
    return effect.disk_fill().allocated_bytes() == effect.disk_fill().requested_bytes() &&
           effect.disk_fill().created_inodes() == effect.disk_fill().requested_inodes();
  }
  static void ExpectTaken(uint64_t before, const std::string& path, uint64_t bytes) {
    const uint64_t taken = before - FreeBytes(path);
    EXPECT_GE(taken, bytes);
    EXPECT_LE(taken, bytes + kOverhead);
  }

  // What every way of filling has in common.
  void ExpectFillsUntilKilled(const std::string& path, bool written) {
    const uint64_t before = FreeBytes(path);
    StressProcess process = Start(BytesOrder(path, 20 * kMiB));
    const v1::DiskFillEffect effect = AwaitEffect(process, IsComplete).disk_fill();
    EXPECT_EQ(effect.allocated_bytes(), 20 * kMiB);
    EXPECT_EQ(effect.written(), written);
    EXPECT_EQ(effect.withheld_bytes(), 0u);
    EXPECT_NEAR(static_cast<double>(effect.free_bytes()), static_cast<double>(FreeBytes(path)),
                kOverhead);
    ExpectTaken(before, path, 20 * kMiB);
    EXPECT_THAT(Names(path), IsEmpty());
    process.Kill();
    EXPECT_EQ(FreeBytes(path), before);
    EXPECT_THAT(Names(path), IsEmpty());
  }
};

TEST_F(DiskFillTest, TakesBytesOnExt4AndTheKernelFreesThem) {
  ExpectFillsUntilKilled(MakeLoop("mkfs.ext4", 64 * kMiB), /*written=*/false);
}

TEST_F(DiskFillTest, TakesBytesOnTmpfsAndTheKernelFreesThem) {
  ExpectFillsUntilKilled(MakeTmpfs("size=64m"), /*written=*/false);
}

TEST_F(DiskFillTest, WritesWhereTheFileSystemCannotAllocate) {
  ExpectFillsUntilKilled(MakeLoop("mkfs.ext3", 64 * kMiB), /*written=*/true);
}

TEST_F(DiskFillTest, TakesAnOddNumberOfBytesByWriting) {
  const std::string path = MakeLoop("mkfs.ext3", 64 * kMiB);
  StressProcess process = Start(BytesOrder(path, 3 * kMiB + 777));
  EXPECT_EQ(AwaitEffect(process, IsComplete).disk_fill().allocated_bytes(), 3 * kMiB + 777);
}

TEST_F(DiskFillTest, WritesNothingThatCouldBeCompressedOrSharedAway) {
  const std::string path = MakeLoop("mkfs.ext3", 64 * kMiB);
  StressProcess process = Start(BytesOrder(path, 8 * kMiB));
  AwaitEffect(process, IsComplete);
  std::string content;
  for (const std::string& name : NamelessFiles(process.pid())) {
    const UniqueFd file(open(name.c_str(), O_RDONLY | O_CLOEXEC));
    content += ReadAll(file.get(), 16 * kMiB, name).value_or("");
  }
  ASSERT_EQ(content.size(), 8 * kMiB);
  std::set<std::string_view> blocks;
  for (size_t at = 0; at < content.size(); at += 4096)
    EXPECT_TRUE(blocks.insert(std::string_view(content).substr(at, 4096)).second);
  EXPECT_GT(std::set<char>(content.begin(), content.begin() + 4096).size(), 200u);
}

TEST_F(DiskFillTest, AFileSystemThatIsFullForAllIsFreeAgainAfterwards) {
  for (const std::string mkfs : {"mkfs.ext4 -m 0", "mkfs.ext3 -m 0"}) {
    const std::string path = MakeLoop(mkfs, 32 * kMiB);
    const uint64_t before = FreeBytes(path);
    // More than there is: others were quicker.
    StressProcess process = Start(FullOrder(path, before + 5 * kMiB));
    const v1::DiskFillEffect effect = AwaitEffect(process, [](const v1::Effect& e) {
                                        return e.disk_fill().free_bytes() == 0;
                                      }).disk_fill();
    EXPECT_EQ(effect.percent_full(), 100);
    EXPECT_LE(effect.allocated_bytes(), before);
    EXPECT_EQ(FreeBytes(path), 0u);
    EXPECT_EQ(TryToWrite(path), ENOSPC);
    // It stays so without an error.
    EXPECT_EQ(process.NextEffect().status(), absl::OkStatus());
    process.Kill();
    EXPECT_EQ(FreeBytes(path), before);
    EXPECT_EQ(TryToWrite(path), 0);
  }
}

TEST_F(DiskFillTest, SaysHowFarItCameWhenThereIsNoSpaceForAll) {
  const std::string path = MakeTmpfs("size=16m");
  StressProcess process = Start(BytesOrder(path, 40 * kMiB));
  EXPECT_EQ(process.NextEffect().status(),
            absl::ResourceExhaustedError(
                StrCat("fill ", path, ": no space left after 16777216 of 41943040 bytes")));
  EXPECT_NE(process.Close(), 0);
  EXPECT_EQ(FreeBytes(path), 16 * kMiB);
}

TEST_F(DiskFillTest, SaysHowFarItCameWithWriting) {
  const std::string path = MakeLoop("mkfs.ext3", 32 * kMiB);
  const uint64_t before = FreeBytes(path);
  StressProcess process = Start(BytesOrder(path, 40 * kMiB));
  const Status status = AwaitError(process);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(
      std::string(status.message()),
      ContainsRegex(StrCat("^fill ", path, ": no space left after [0-9]+ of 41943040 bytes$")));
  EXPECT_NE(process.Close(), 0);
  EXPECT_EQ(FreeBytes(path), before);
}

TEST_F(DiskFillTest, AnErrorOfTheDiskEndsIt) {
  const std::string path = MakeBreakableLoop("mkfs.ext3", 64 * kMiB);
  Break();
  StressProcess process = Start(BytesOrder(path, 40 * kMiB));
  EXPECT_EQ(
      AwaitError(process),
      absl::InternalError(StrCat("fill ", path, " after 0 of 41943040 bytes: Input/output error")));
}

// A limit on the size of files stands for that of a file system.
TEST_F(DiskFillTest, TakesSeveralFilesWhereOneCannotBeLargeEnough) {
  struct Limit {
    Limit() {
      getrlimit(RLIMIT_FSIZE, &before);
      const rlimit limit{4 * kMiB, before.rlim_max};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~Limit() { setrlimit(RLIMIT_FSIZE, &before); }
    rlimit before{};
  };
  const std::string allocated = MakeTmpfs("size=64m");
  const std::string written = MakeLoop("mkfs.ext3", 64 * kMiB);
  for (const std::string& path : {allocated, written}) {
    const uint64_t before = FreeBytes(path);
    StressProcess process = [&] {
      const Limit limit;
      return Start(BytesOrder(path, 10 * kMiB));
    }();
    AwaitEffect(process, IsComplete);
    EXPECT_EQ(NamelessFiles(process.pid()).size(), 3u) << path;
    ExpectTaken(before, path, 10 * kMiB);
  }
}

TEST_F(DiskFillTest, NeverTakesWhatIsToBeKeptFree) {
  const std::string path = MakeLoop("mkfs.ext4", 64 * kMiB);
  const uint64_t before = FreeBytes(path);
  v1::StressOrder order = BytesOrder(path, before);
  order.mutable_disk_fill()->set_keep_free_bytes(20 * kMiB);
  StressProcess process = Start(order);
  const auto effect = process.NextEffect();
  ASSERT_EQ(effect.status(), absl::OkStatus());
  EXPECT_GE(FreeBytes(path), 20 * kMiB);
  EXPECT_LE(FreeBytes(path), 20 * kMiB + kOverhead);
  EXPECT_EQ(effect->disk_fill().withheld_bytes(), before - effect->disk_fill().allocated_bytes());
}

TEST_F(DiskFillTest, GivesBackWhatOthersTakeOfTheReserve) {
  for (const std::string mkfs : {"mkfs.ext4", "mkfs.ext3"}) {
    const std::string path = MakeLoop(mkfs, 64 * kMiB);
    v1::StressOrder order = BytesOrder(path, 30 * kMiB);
    order.mutable_disk_fill()->set_keep_free_bytes(12 * kMiB);
    StressProcess process = Start(order);
    AwaitEffect(process, IsComplete);
    const uint64_t others_bytes = FreeBytes(path) - 4 * kMiB;
    const std::string others = path + "/others";
    Sh(StrCat("head -c ", others_bytes, " /dev/zero > ", others, " && sync ", others));
    const v1::DiskFillEffect effect = AwaitEffect(process, [](const v1::Effect& e) {
                                        return e.disk_fill().free_bytes() >= 12 * kMiB;
                                      }).disk_fill();
    EXPECT_GE(effect.withheld_bytes(), 8 * kMiB);
    EXPECT_EQ(effect.allocated_bytes(), 30 * kMiB - effect.withheld_bytes());
    EXPECT_GE(FreeBytes(path), 12 * kMiB);
    // More than there is to give back is no error.
    Sh(StrCat("head -c ", FreeBytes(path) - kMiB, " /dev/zero >> ", others));
    Sh(StrCat("head -c ", 64 * kMiB, " /dev/zero >> ", others, " || true"));
    EXPECT_EQ(AwaitEffect(process,
                          [](const v1::Effect& e) { return e.disk_fill().allocated_bytes() == 0; })
                  .disk_fill()
                  .withheld_bytes(),
              30 * kMiB);
  }
}

TEST_F(DiskFillTest, TakesExactlyAsManyInodes) {
  const std::string path = MakeLoop("mkfs.ext4 -N 4000", 64 * kMiB);
  const uint64_t before = FreeInodes(path);
  StressProcess process = Start(InodesOrder(path, 2345));
  AwaitEffect(process, IsComplete);
  EXPECT_EQ(before - FreeInodes(path), 2345u);
  EXPECT_THAT(Names(path), ElementsAre(".faultd-test"));
  process.Kill();
  while (!RemoveTaggedDirectory(path + "/.faultd-test").value()) {
  }
  EXPECT_EQ(FreeInodes(path), before);
  EXPECT_THAT(Names(path), IsEmpty());
}

TEST_F(DiskFillTest, IsNotGoneWhileItsFileSystemIsNotMounted) {
  const std::string path = MakeLoop("mkfs.ext4 -N 2000", 64 * kMiB);
  const std::string below = path + "/below";
  ASSERT_EQ(mkdir(below.c_str(), 0700), 0);
  for (const std::string& place : {path, below}) {
    const std::string files = place + "/.faultd-test";
    EXPECT_EQ(MountPointOf(files).value(), path);
    StressProcess process = Start(InodesOrder(place, 500));
    AwaitEffect(process, IsComplete);
    process.Kill();
    Sh("umount " + path);
    EXPECT_NE(MountPointOf(files).value(), path);
    const Status missing = RemoveTaggedDirectory(files, path).status();
    EXPECT_EQ(DetailsOf(missing).precondition_type, "MOUNT");
    EXPECT_THAT(std::string(missing.message()), HasSubstr(StrCat("mounted at ", path)));
    MountAgain(path);
    while (!RemoveTaggedDirectory(files, path).value()) {
    }
    EXPECT_THAT(Names(place), Not(Contains(".faultd-test")));
    EXPECT_TRUE(RemoveTaggedDirectory(files, path).value());
  }
}

// Its record is gone then, and may have been on another disk.
TEST_F(DiskFillTest, FilesThatAreRemovedDoNotComeBackWithALossOfPower) {
  const std::string path = MakeLoop("mkfs.ext4 -N 2000", 64 * kMiB, "commit=3600");
  const std::string files = path + "/.faultd-test";
  for (const bool by_one_killed_before : {false, true}) {
    StressProcess process = Start(InodesOrder(path, 500));
    AwaitEffect(process, IsComplete);
    process.Kill();
    Sh("sync -f " + path);
    ASSERT_THAT(Names(AfterLossOfPower(path)), ElementsAre(".faultd-test"));
    if (by_one_killed_before) Sh("rm -r " + files);
    while (!RemoveTaggedDirectory(files).value()) {
    }
    EXPECT_THAT(Names(AfterLossOfPower(path)), IsEmpty());
  }
}

TEST_F(DiskFillTest, TakesTheLastInode) {
  const std::string path = MakeLoop("mkfs.ext4 -N 2000", 64 * kMiB);
  StressProcess process = Start(InodesOrder(path, FreeInodes(path) + 100));
  const v1::DiskFillEffect effect = AwaitEffect(process, [](const v1::Effect& e) {
                                      return e.disk_fill().free_inodes() == 0;
                                    }).disk_fill();
  EXPECT_GT(effect.created_inodes(), 1900u);
  EXPECT_EQ(FreeInodes(path), 0u);
  EXPECT_GT(FreeBytes(path), 30 * kMiB);
  EXPECT_EQ(TryToWrite(path), ENOSPC);
  EXPECT_EQ(process.NextEffect().status(), absl::OkStatus());
}

TEST_F(DiskFillTest, SaysWhenThereIsNoSpaceForTheInodes) {
  const std::string path = MakeLoop("mkfs.ext4 -m 0 -N 8000", 16 * kMiB);
  const UniqueFd full = TakeBytes(path, FreeBytes(path) - (32 << 10));
  StressProcess process = Start(InodesOrder(path, 7000));
  const Status status = AwaitError(process);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              ContainsRegex(StrCat("^use up inodes in ", path,
                                   ": (make a directory|create a file), after [0-9]+ of 7000 inodes"
                                   ": no space left for directories, while [0-9]+ inodes are "
                                   "free$")));
}

TEST_F(DiskFillTest, SaysWhyItCannotBegin) {
  const std::string path = MakeTmpfs("size=16m");
  const auto error_of = [this](const v1::StressOrder& order) {
    return Start(order).NextEffect().status();
  };
  EXPECT_EQ(error_of(BytesOrder(path + "/none", kMiB)).message(),
            StrCat("open ", path, "/none: No such file or directory"));
  EXPECT_EQ(error_of(BytesOrder(path + "/none", kMiB)).code(), absl::StatusCode::kNotFound);
  Sh(StrCat("ln -s / ", path, "/link"));
  EXPECT_EQ(error_of(BytesOrder(path + "/link", kMiB)).message(),
            StrCat("open ", path, "/link: Too many levels of symbolic links"));
  Sh(StrCat("mkdir ", path, "/.faultd-test"));
  EXPECT_EQ(
      error_of(InodesOrder(path, 10)),
      absl::AlreadyExistsError(StrCat("make directory ", path, "/.faultd-test: File exists")));
  ASSERT_EQ(mount(nullptr, path.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  EXPECT_EQ(
      error_of(BytesOrder(path, kMiB)),
      absl::FailedPreconditionError(StrCat("create a file in ", path, ": Read-only file system")));
}

TEST_F(DiskFillTest, AFileThatHadANameForAMomentHasNoneLeft) {
  const std::string path = MakeTmpfs("size=16m");
  const auto place = DiskPlace::Open(path + "/.faultd-test");
  ASSERT_TRUE(place.ok());
  for (int i = 0; i < 2; ++i) {
    const auto file = place->CreateAndUnlink();
    ASSERT_EQ(file.status(), absl::OkStatus());
    ASSERT_EQ(fallocate(file->get(), 0, 0, 1 << 20), 0);
    EXPECT_THAT(Names(path), IsEmpty());
    EXPECT_EQ(FreeBytes(path), 15 * kMiB);
  }
  EXPECT_EQ(FreeBytes(path), 16 * kMiB);
}

}  // namespace
}  // namespace faultd

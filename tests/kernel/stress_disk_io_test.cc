// Disk I/O by the real faultd-stress on small file systems; what it does is counted by the kernel.
#include <fcntl.h>
#include <gmock/gmock.h>

#include <chrono>
#include <set>

#include "base/file_io.h"
#include "base/proto_time.h"
#include "base/strings.h"
#include "support/disk_lab.h"

namespace faultd {
namespace {

using testing::ContainsRegex;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint64_t kMiB = 1 << 20;
// Calls to read and write that are not the load's: laying out 8 MiB, and what every process does.
constexpr uint64_t kOtherCalls = 100;

class DiskIoTest : public DiskLab {
 protected:
  static v1::StressOrder Order(const std::string& path, uint32_t read_percent) {
    v1::StressOrder order;
    v1::DiskIo& io = *order.mutable_disk_io()->mutable_spec();
    io.set_path(path);
    io.set_threads(2);
    io.set_file_bytes(8 * kMiB);
    io.set_read_percent(read_percent);
    order.mutable_disk_io()->set_directory(path + "/.faultd-test");
    return order;
  }
  static v1::DiskIo& SpecOf(v1::StressOrder& order) {
    return *order.mutable_disk_io()->mutable_spec();
  }
  static v1::DiskIoEffect AwaitOperations(StressProcess& process, uint64_t operations) {
    return AwaitEffect(process,
                       [operations](const v1::Effect& effect) {
                         return effect.disk_io().operations() >= operations;
                       })
        .disk_io();
  }
  static uint64_t Reads(const StressProcess& process) { return IoCounter(process.pid(), "syscr"); }
  static uint64_t Writes(const StressProcess& process) { return IoCounter(process.pid(), "syscw"); }
  static std::string Content(const StressProcess& process) {
    std::string content;
    for (const std::string& name : NamelessFiles(process.pid())) {
      const UniqueFd file(open(name.c_str(), O_RDONLY | O_CLOEXEC));
      content += ReadAll(file.get(), 16 * kMiB, name).value_or("");
    }
    return content;
  }
  static std::vector<size_t> ChangedBlocks(std::string_view before, std::string_view after) {
    std::vector<size_t> changed;
    for (size_t at = 0; at < after.size(); at += 4096) {
      if (before.substr(at, 4096) != after.substr(at, 4096)) changed.push_back(at / 4096);
    }
    return changed;
  }
};

TEST_F(DiskIoTest, ReportsWhatTheKernelCounts) {
  const std::string path = MakeLoop("mkfs.ext4", 64 * kMiB);
  const uint64_t before = FreeBytes(path);
  StressProcess process = Start(Order(path, 50));
  AwaitOperations(process, 1);
  const uint64_t calls_before = Reads(process) + Writes(process);
  const v1::DiskIoEffect effect = AwaitOperations(process, calls_before);
  const uint64_t calls = Reads(process) + Writes(process);
  EXPECT_LE(effect.operations(), calls);
  EXPECT_GE(effect.operations(), calls_before - kOtherCalls);
  EXPECT_TRUE(effect.direct());
  // Past the page cache: each operation comes to the disk.
  EXPECT_GE(IoCounter(process.pid(), "read_bytes") + IoCounter(process.pid(), "write_bytes"),
            effect.operations() * 4096);
  EXPECT_DOUBLE_EQ(effect.read_bytes_per_second(), effect.read_operations_per_second() * 4096);
  EXPECT_DOUBLE_EQ(effect.write_bytes_per_second(), effect.write_operations_per_second() * 4096);
  EXPECT_GT(FromProto(effect.latency_p50()).count(), 0);
  EXPECT_LE(FromProto(effect.latency_p50()), FromProto(effect.latency_p99()));
  EXPECT_LE(FromProto(effect.latency_p99()), FromProto(effect.latency_max()));
  EXPECT_LE(FreeBytes(path), before - 8 * kMiB);
  EXPECT_THAT(Names(path), IsEmpty());
  process.Kill();
  EXPECT_EQ(FreeBytes(path), before);
  EXPECT_THAT(Names(path), IsEmpty());
}

TEST_F(DiskIoTest, ReadsAndWritesInTheShareAskedFor) {
  const std::string path = MakeTmpfs("size=32m");
  for (const uint32_t percent : {0u, 70u, 100u}) {
    StressProcess process = Start(Order(path, percent));
    AwaitOperations(process, 20'000);
    const auto reads = static_cast<double>(Reads(process));
    const auto writes = static_cast<double>(Writes(process));
    const double others = kOtherCalls / (reads + writes);
    // Six standard deviations of 20,000 throws are 0.02.
    EXPECT_NEAR(reads / (reads + writes), percent / 100., 0.02 + others);
  }
}

TEST_F(DiskIoTest, BlocksAreAsLargeAsAskedFor) {
  const std::string path = MakeTmpfs("size=32m");
  v1::StressOrder order = Order(path, 100);
  SpecOf(order).set_block_bytes(64 << 10);
  StressProcess process = Start(order);
  AwaitOperations(process, 10'000);
  const uint64_t reads = Reads(process);
  const uint64_t bytes = IoCounter(process.pid(), "rchar");
  const uint64_t reads_after = Reads(process);
  EXPECT_GE(bytes, (reads - kOtherCalls) * (64 << 10));
  EXPECT_LE(bytes, (reads_after + kOtherCalls) * (64 << 10));
}

TEST_F(DiskIoTest, StaysBelowTheLimit) {
  const std::string path = MakeTmpfs("size=32m");
  for (const bool in_bytes : {false, true}) {
    v1::StressOrder order = Order(path, 100);
    if (in_bytes) {
      SpecOf(order).set_bytes_per_second(uint64_t{500} * 4096);
    } else {
      SpecOf(order).set_operations_per_second(500);
    }
    StressProcess process = Start(order);
    AwaitOperations(process, 1);
    const auto begin = std::chrono::steady_clock::now();
    const uint64_t reads = Reads(process);
    const v1::DiskIoEffect effect = AwaitOperations(process, reads + 500);
    const uint64_t done = Reads(process) - reads;
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    // What may be caught up: 10 ms worth, and an operation of each thread that was under way.
    EXPECT_LE(static_cast<double>(done), 500 * time.count() + 5 + 2 + 1);
    EXPECT_EQ(effect.requested_operations_per_second(), 500);
  }
}

TEST_F(DiskIoTest, SequentialGoesThroughTheFileFromBlockToBlock) {
  const std::string path = MakeTmpfs("size=32m");
  v1::StressOrder order = Order(path, 0);
  SpecOf(order).set_pattern(v1::ACCESS_PATTERN_SEQUENTIAL);
  // Once through the file takes 20 s, longer than what is looked at.
  SpecOf(order).set_operations_per_second(100);
  StressProcess process = Start(order);
  AwaitOperations(process, 1);
  const std::string before = Content(process);
  ASSERT_THAT(before, SizeIs(8 * kMiB));
  AwaitOperations(process, 200);
  const std::vector<size_t> changed = ChangedBlocks(before, Content(process));
  ASSERT_GT(changed.size(), 50u);
  // Two threads: the last of them but one may not be done yet.
  EXPECT_LE(changed.back() - changed.front(), changed.size() + 1);
}

TEST_F(DiskIoTest, RandomGoesAllOverTheFile) {
  const std::string path = MakeTmpfs("size=32m");
  v1::StressOrder order = Order(path, 0);
  SpecOf(order).set_operations_per_second(300);
  StressProcess process = Start(order);
  AwaitOperations(process, 1);
  const std::string before = Content(process);
  AwaitOperations(process, 600);
  const std::vector<size_t> changed = ChangedBlocks(before, Content(process));
  // Each sixteenth of the file is missed by 300 or more writes with a chance of 4 in 10^9.
  std::set<size_t> parts;
  for (const size_t block : changed) parts.insert(block / 128);
  EXPECT_THAT(parts, SizeIs(16));
}

TEST_F(DiskIoTest, GoesThroughThePageCacheWhenToldTo) {
  const std::string path = MakeLoop("mkfs.ext4", 64 * kMiB);
  v1::StressOrder order = Order(path, 100);
  SpecOf(order).set_direct(false);
  StressProcess process = Start(order);
  EXPECT_FALSE(AwaitOperations(process, 20'000).direct());
  // The whole file is cached by now, or nearly: no more comes to the disk.
  EXPECT_LE(IoCounter(process.pid(), "read_bytes"), 10 * kMiB);
}

TEST_F(DiskIoTest, FallsBackToThePageCacheWhereThereIsNoWayPast) {
  const std::string path = MakeTmpfs("size=32m");
  StressProcess process = Start(Order(path, 50));
  EXPECT_FALSE(AwaitOperations(process, 1).direct());
}

TEST_F(DiskIoTest, SaysWhenThereIsNoWayPastThePageCache) {
  const std::string path = MakeTmpfs("size=32m");
  v1::StressOrder order = Order(path, 50);
  SpecOf(order).set_direct(true);
  EXPECT_EQ(Start(order).NextEffect().status(),
            absl::FailedPreconditionError(
                StrCat("disk I/O in ", path,
                       ": the file system cannot pass the page cache by in blocks of 4096 bytes; "
                       "leave out direct, or take larger blocks")));
}

TEST_F(DiskIoTest, SaysWhenThereIsNoSpaceForTheFile) {
  const std::string path = MakeTmpfs("size=4m");
  StressProcess process = Start(Order(path, 50));
  EXPECT_EQ(AwaitError(process),
            absl::ResourceExhaustedError(
                StrCat("disk I/O in ", path,
                       ": lay out the file: no space left after 4194304 of 8388608 bytes")));
  EXPECT_NE(process.Close(), 0);
  EXPECT_EQ(FreeBytes(path), 4 * kMiB);
}

TEST_F(DiskIoTest, AnErrorOfTheDiskEndsIt) {
  const std::string path = MakeBreakableLoop("mkfs.ext4", 64 * kMiB);
  StressProcess process = Start(Order(path, 50));
  AwaitOperations(process, 1);
  Break();
  EXPECT_THAT(std::string(AwaitError(process).message()),
              ContainsRegex(StrCat("^disk I/O in ", path,
                                   ": write at offset [0-9]+ after 0 of 4096 bytes: "
                                   "Input/output error$")));
}

}  // namespace
}  // namespace faultd

// What stress says that it would do, what it refuses, and what the stress process is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/sample_specs.h"
#include "support/test_host.h"

namespace faultd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kInCgroup[] =
    "start a stress process in a cgroup of its own below /sys/fs/cgroup/faultd";

class StressPlanTest : public testing::Test {
 protected:
  StatusOr<FaultPlan> Plan(const std::string& text) {
    const v1::FaultSpec spec = SpecFromText(text);
    RETURN_IF_ERROR(KindOf(spec)->validate(spec));
    return PlanOf(spec, {}, host.host());
  }
  std::string ErrorOf(const std::string& text) {
    return std::string(Plan(text).status().message());
  }
  FileSystemFacts& Disk(const std::string& path) { return host.file_systems.there.at(path); }

  TestHost host;
};

TEST_F(StressPlanTest, CpuTakesTheCoresThatThereAre) {
  auto plan = Plan("cpu { load_percent: 80 }");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->summary, "cpu 80% on cores 0-3");
  EXPECT_THAT(plan->changes, ElementsAre("run 4 threads, pinned to the cores 0-3", kInCgroup));
  EXPECT_THAT(plan->warnings, IsEmpty());
  EXPECT_EQ(plan->undo.cpu().cgroup_parent(), "/sys/fs/cgroup/faultd");
  EXPECT_EQ(plan->undo.cpu().path(), "");
  EXPECT_EQ(Plan("cpu { load_percent: 5 core_count: 1 }")->summary, "cpu 5% on core 0");
  EXPECT_EQ(Plan(R"(cpu { load_percent: 5 core_list: "3,0-1" mode: CPU_MODE_TOTAL
                          priority: CPU_PRIORITY_IDLE ramp { seconds: 90 } })")
                ->summary,
            "cpu 5% in total on cores 0-1,3, only what nobody else wants, growing over 1m30s");
}

TEST_F(StressPlanTest, CpuRefusesCoresThatAreNotThere) {
  host.kernel.fake_machine().cores = {2, 3};
  EXPECT_EQ(ErrorOf("cpu { load_percent: 5 core_count: 3 }"),
            "spec.cpu.core_count: 3 is more than there are; faultd may use 2 here (2-3)");
  EXPECT_EQ(ErrorOf("cpu { load_percent: 5 core_list: \"1-2\" }"),
            "spec.cpu.core_list: core 1 is not there to be used; faultd may use 2-3 here");
  EXPECT_EQ(Plan("cpu { load_percent: 5 core_count: 1 }")->summary, "cpu 5% on core 2");
}

TEST_F(StressPlanTest, CpuWarnsOfAQuotaThatIsLess) {
  host.kernel.fake_machine().quota = 1.5;
  EXPECT_THAT(Plan("cpu { load_percent: 25 }")->warnings, IsEmpty());
  EXPECT_THAT(Plan("cpu { load_percent: 80 }")->warnings,
              ElementsAre("the CPU quota of faultd's cgroup allows 1.5 cores' worth of time, less "
                          "than the 3.2 asked for; raise CPUQuota= of its unit"));
}

TEST_F(StressPlanTest, CpuValuesOutOfRange) {
  EXPECT_EQ(ErrorOf("cpu { }"), "spec.cpu.load_percent: 0 is out of range; write 1 to 100");
  EXPECT_EQ(ErrorOf("cpu { load_percent: nan }"),
            "spec.cpu.load_percent: nan is out of range; write 1 to 100");
  EXPECT_EQ(ErrorOf("cpu { load_percent: 5 core_count: 0 }"),
            "spec.cpu.core_count: is 0; write how many cores to load, or leave it out for all");
  for (const std::string list : {"", "a", "1-", "3-1", "1,,2", "-1", "0-99999"}) {
    EXPECT_EQ(ErrorOf("cpu { load_percent: 5 core_list: \"" + list + "\" }"),
              "spec.cpu.core_list: \"" + list +
                  "\" is not a list of cores; write numbers and ranges, e.g. 0-3,7");
  }
  EXPECT_EQ(ErrorOf("cpu { load_percent: 5 mode: CPU_MODE_UNSPECIFIED }"),
            "spec.cpu.mode: 0 is not a mode; take CPU_MODE_ADD or CPU_MODE_TOTAL, or leave it out "
            "for add");
  EXPECT_EQ(ErrorOf("cpu { load_percent: 5 ramp { seconds: 50000 } }"),
            "spec.cpu.ramp: 13h53m20s is out of range; write 0s to 12h");
}

TEST_F(StressPlanTest, MemoryAmounts) {
  EXPECT_EQ(Plan("memory { bytes: 1073741824 }")->summary, "memory 1GiB");
  EXPECT_EQ(Plan("memory { percent_of_total: 50 ramp { seconds: 60 } }")->summary,
            "memory 4GiB, growing over 1m");
  // Of the 6 GiB that are available, less the reserve.
  EXPECT_EQ(Plan("memory { percent_of_available: 100 }")->summary, "memory 5.75GiB");
  auto absolute = Plan("memory { percent_of_total: 20 mode: MEMORY_MODE_ABSOLUTE }");
  EXPECT_EQ(absolute->summary, "memory in use brought to 1.6GiB");
  EXPECT_THAT(absolute->warnings,
              ElementsAre("others use 2GiB already, so nothing is taken until they free some"));
  EXPECT_THAT(Plan("memory { bytes: 1048576 reserve_bytes: 1073741824 }")->changes,
              ElementsAre("take memory, leaving 1GiB available at least", kInCgroup));
}

TEST_F(StressPlanTest, MemoryRefusesMoreThanThereIs) {
  EXPECT_EQ(ErrorOf("memory { bytes: 6442450944 }"),
            "6GiB is more than there is: of 8GiB 6GiB are available, and a reserve of 256MiB is "
            "never taken; ask for 5.75GiB at most");
  EXPECT_EQ(ErrorOf("memory { percent_of_total: 98 mode: MEMORY_MODE_ABSOLUTE }"),
            "7.84GiB is more than there is: of 8GiB 6GiB are available, and a reserve of 256MiB "
            "is never taken; ask for 7.75GiB at most");
  host.kernel.fake_machine().memory.available = 100 << 20;
  EXPECT_EQ(ErrorOf("memory { bytes: 1048576 }"),
            "1MiB is more than there is: of 8GiB 100MiB are available, and a reserve of 256MiB is "
            "never taken; ask for 0B at most");
  EXPECT_EQ(ErrorOf("memory { bytes: 1048576 reserve_bytes: 1 }"),
            "spec.memory.reserve_bytes: 1B is less than this host's policy allows (rule "
            "stress.memory_reserve: 256MiB); ask for that or more");
}

TEST_F(StressPlanTest, MemoryNumbersThatOverflowAreMoreThanThereIs) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Plan("memory { bytes: 18446744073709551615 }").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Plan("memory { bytes: 1048576 reserve_bytes: 18446744073709551615 }").status()));
}

TEST_F(StressPlanTest, MemoryValuesOutOfRange) {
  EXPECT_EQ(ErrorOf("memory { }"),
            "spec.memory: says no amount; give bytes, percent_of_total or percent_of_available");
  EXPECT_EQ(ErrorOf("memory { bytes: 5 }"),
            "spec.memory.bytes: 5 is out of range; write 1048576 (1 MiB) or more");
  EXPECT_EQ(ErrorOf("memory { percent_of_total: 101 }"),
            "spec.memory.percent_of_total: 101 is out of range; write above 0 to 100");
  EXPECT_EQ(ErrorOf("memory { percent_of_available: 50 mode: MEMORY_MODE_ABSOLUTE }"),
            "spec.memory.percent_of_available: needs mode add; with MEMORY_MODE_ABSOLUTE give "
            "percent_of_total or bytes");
  EXPECT_EQ(ErrorOf("memory { bytes: 1048576 bytes_per_second: 1 }"),
            "spec.memory.bytes_per_second: 1 is out of range; write 1048576 (1 MiB/s) or more");
  EXPECT_EQ(ErrorOf("memory { bytes: 1048576 content: MEMORY_CONTENT_UNSPECIFIED }"),
            "spec.memory.content: 0 is not known; take MEMORY_CONTENT_INCOMPRESSIBLE or "
            "MEMORY_CONTENT_COMPRESSIBLE, or leave it out for incompressible");
}

TEST_F(StressPlanTest, DiskFillAmounts) {
  auto plan = Plan(R"(disk_fill { path: "/data" percent_full: 90 })");
  ASSERT_TRUE(plan.ok()) << plan.status();
  // 95 GiB can be reached, 40 are in use.
  EXPECT_EQ(plan->summary, "disk_fill /data by 45.5GiB");
  EXPECT_THAT(plan->changes, ElementsAre("take 45.5GiB of ext4 at /data with a file that has no "
                                         "name",
                                         kInCgroup));
  EXPECT_EQ(plan->undo.disk_fill().path(), "/data");
  EXPECT_EQ(Plan(R"(disk_fill { path: "/data" leave_free_bytes: 1073741824 })")->summary,
            "disk_fill /data by 54GiB");
  EXPECT_EQ(Plan(R"(disk_fill { path: "/data" percent_full: 100 })")->summary,
            "disk_fill /data by 55GiB");
  auto inodes = Plan(R"(disk_fill { path: "/data" inodes_percent_full: 50 })");
  EXPECT_EQ(inodes->summary, "disk_fill /data by 40000 inodes");
  EXPECT_EQ(inodes->changes.front(), "make 40000 empty files in /data/.faultd-<id>");
}

// Else a revert takes them for gone while their file system is not mounted.
TEST_F(StressPlanTest, WhereFilesOutliveTheProcessTheirFileSystemIsNoted) {
  Disk("/data").mount_point = "/";
  const std::string named = R"(disk_fill { path: "/data" inodes_percent_full: 50 })";
  const std::string fill = R"(disk_fill { path: "/data" percent_full: 90 })";
  const std::string io = R"(disk_io { path: "/data" })";
  EXPECT_EQ(Plan(named)->undo.disk_fill().mount_point(), "/");
  EXPECT_EQ(Plan(fill)->undo.disk_fill().mount_point(), "");
  EXPECT_EQ(Plan(io)->undo.disk_io().mount_point(), "");
  Disk("/data").type = "nfs";
  EXPECT_EQ(Plan(fill)->undo.disk_fill().mount_point(), "/");
  EXPECT_EQ(Plan(io)->undo.disk_io().mount_point(), "/");
  for (const std::string type : {"tmpfs", "overlayfs"}) {
    Disk("/data").type = type;
    EXPECT_EQ(Plan(named)->undo.disk_fill().mount_point(), "") << type;
  }
}

TEST_F(StressPlanTest, DiskFillKeepsTheJournalsReserve) {
  auto plan = Plan(R"(disk_fill { path: "/var/lib/faultd/journal" percent_full: 100 })");
  EXPECT_EQ(plan->summary, "disk_fill /var/lib/faultd/journal by 54.75GiB");
  EXPECT_THAT(plan->warnings, ElementsAre("the journal is on this file system and keeps its "
                                          "reserve, so only 54.75GiB are taken"));
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/var/lib/faultd/journal" bytes: 59055800320 })"),
            "55GiB is more than there is: 55GiB are free, of which 256MiB are kept for the "
            "journal; ask for 54.75GiB at most");
  Disk("/var/lib/faultd/journal").free_bytes = 1 << 20;
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/var/lib/faultd/journal" percent_full: 100 })"),
            "nothing can be taken: 1MiB are free, of which 256MiB are kept for the journal");
}

TEST_F(StressPlanTest, DiskFillRefusesWhatCannotBe) {
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/nowhere" bytes: 1 })"),
            "spec.disk_fill.path: there is no directory /nowhere");
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/data" percent_full: 42 })"),
            "it is 42.1 % full already, with 55GiB free; there is nothing to take");
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/data" inodes_percent_full: 10 })"),
            "10000 of 100000 inodes are in use already; there is nothing to take");
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/data" bytes: 64424509440 })"),
            "60GiB is more than there is: 55GiB are free; ask for 55GiB at most");
  Disk("/data").total_inodes = 0;
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/data" inodes_percent_full: 10 })"),
            "a file system of type ext4 has no fixed number of inodes to run out of");
  Disk("/data").read_only = true;
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/data" bytes: 1 })"),
            "spec.disk_fill.path: /data is on a file system that is mounted read-only");
  Disk("/data").pseudo = true;
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/data" bytes: 1 })"),
            "spec.disk_fill.path: /data is on a file system of type ext4, which is no place for "
            "files");
}

TEST_F(StressPlanTest, DiskFillValuesOutOfRange) {
  EXPECT_EQ(ErrorOf(R"(disk_fill { bytes: 1 })"),
            "spec.disk_fill.path: \"\" is not an absolute path; name a directory, e.g. /var/tmp");
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/data" })"),
            "spec.disk_fill: says no amount; give bytes, percent_full, leave_free_bytes or "
            "inodes_percent_full");
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/data" bytes: 0 })"),
            "spec.disk_fill.bytes: is 0; write how many bytes to take");
  EXPECT_EQ(ErrorOf(R"(disk_fill { path: "/data" percent_full: 0 })"),
            "spec.disk_fill.percent_full: 0 is out of range; write above 0 to 100");
}

TEST_F(StressPlanTest, ATmpfsIsMemory) {
  Disk("/data").type = "tmpfs";
  EXPECT_THAT(Plan(R"(disk_fill { path: "/data" bytes: 1048576 })")->warnings,
              ElementsAre("a tmpfs is memory: filling it takes memory from the host"));
}

TEST_F(StressPlanTest, DiskIoSaysWhatItDoes) {
  auto plan = Plan(R"(disk_io { path: "/data" })");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->summary, "disk_io /data, 1 thread, random 4KiB blocks, 50% reads");
  EXPECT_THAT(plan->changes, ElementsAre("write a file of 256MiB that has no name to /data, then "
                                         "read and write it",
                                         kInCgroup));
  EXPECT_EQ(Plan(R"(disk_io { path: "/data" threads: 4 block_bytes: 1048576 read_percent: 0
                              pattern: ACCESS_PATTERN_SEQUENTIAL bytes_per_second: 52428800 })")
                ->summary,
            "disk_io /data, 4 threads, sequential 1MiB blocks, 0% reads, at most 50MiB/s");
}

TEST_F(StressPlanTest, DiskIoRefusesWhatCannotBe) {
  Disk("/data").free_bytes = 100 << 20;
  EXPECT_EQ(ErrorOf(R"(disk_io { path: "/data" })"),
            "a file of 256MiB is more than there is: 100MiB are free; set file_bytes to less");
  EXPECT_EQ(ErrorOf(R"(disk_io { path: "/data" threads: 257 })"),
            "spec.disk_io.threads: 257 is out of range; write 1 to 256");
  EXPECT_EQ(ErrorOf(R"(disk_io { path: "/data" block_bytes: 5000 })"),
            "spec.disk_io.block_bytes: 5000 is out of range; write a power of two from 512 to "
            "16777216");
  EXPECT_EQ(
      ErrorOf(R"(disk_io { path: "/data" threads: 100 block_bytes: 16777216 })"),
      "spec.disk_io.block_bytes: blocks of 16MiB for 100 threads take 1.56GiB of memory; take "
      "fewer threads or smaller blocks (at most 512MiB)");
  EXPECT_EQ(ErrorOf(R"(disk_io { path: "/data" read_percent: 101 })"),
            "spec.disk_io.read_percent: 101 is out of range; write 0 to 100");
  EXPECT_EQ(ErrorOf(R"(disk_io { path: "/data" bytes_per_second: 1 })"),
            "spec.disk_io.bytes_per_second: 1 is less than one block of 4096 bytes a second");
  EXPECT_EQ(ErrorOf(R"(disk_io { path: "/data" operations_per_second: 0 })"),
            "spec.disk_io.operations_per_second: is 0; write 1 or more, or leave it out for no "
            "limit");
}

TEST_F(StressPlanTest, EveryKindIsAvailable) {
  for (const std::string name : {"cpu", "memory", "disk_fill", "disk_io"}) {
    const FaultKind* kind = KindOf(*SampleSpec(name));
    EXPECT_EQ(kind->capability(host.host()).state, CapabilityState::kAvailable) << name;
  }
}

}  // namespace
}  // namespace faultd

#include "guards/condition.h"

#include "unit/guards/guards_fixture.h"

namespace faultd {
namespace {

using testing::HasSubstr;

using ConditionTest = GuardsTest;

constexpr uint64_t kMiBInKiB = 1024;
constexpr uint64_t kGiBInKiB = 1024 * kMiBInKiB;

TEST_F(ConditionTest, ProbeTripsAfterSoManyFailuresInARow) {
  probes_.Add("db-connectivity");
  probes_.Add("cdn");
  const auto watched = BeginWell({ProbeFails("db-connectivity")});
  for (const char* error : {"x", "x", "", "x", "x"}) probes_.Result("db-connectivity", error);
  for (int i = 0; i < 5; ++i) probes_.Result("cdn", "x");
  loop_.RunFor(std::chrono::seconds(5));
  EXPECT_EQ(watched->tripped, "");
  probes_.Result("db-connectivity", "connect to 10.0.0.5 port 5432: timed out");
  loop_.RunReady();
  EXPECT_EQ(watched->tripped,
            "probe db-connectivity: 3 failures in a row, the last one: connect to 10.0.0.5 port "
            "5432: timed out");
}

TEST_F(ConditionTest, ProbeCountsOnlyResultsSinceTheFaultBegan) {
  probes_.Add("db");
  for (int i = 0; i < 2; ++i) probes_.Result("db", "before");
  const auto watched = BeginWell({ProbeFails("db", 3)});
  for (int i = 0; i < 2; ++i) probes_.Result("db", "after");
  loop_.RunReady();
  EXPECT_EQ(watched->tripped, "");
  probes_.Result("db", "after");
  loop_.RunReady();
  EXPECT_EQ(watched->tripped, "probe db: 3 failures in a row, the last one: after");
}

TEST_F(ConditionTest, ProbeThatFailsAlreadyIsRefused) {
  probes_.Add("db");
  for (int i = 0; i < 4; ++i) probes_.Result("db", "refused");
  const Status status = Refused({ProbeFails("db", 3)});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(),
            "guards[0] has tripped already: probe db: 4 failures in a row, the last one: refused");
  EXPECT_EQ(DetailsOf(status).precondition_type, "GUARD");
  EXPECT_EQ(DetailsOf(status).precondition_subject, "guards[0]");
}

TEST_F(ConditionTest, ProbeMayTripOnSuccess) {
  probes_.Add("db");
  v1::Guard guard = ProbeFails("db", 2);
  guard.mutable_probe()->set_state(v1::PROBE_STATE_UP);
  const auto watched = BeginWell({guard});
  for (int i = 0; i < 3; ++i) probes_.Result("db", "refused");
  loop_.RunReady();
  EXPECT_EQ(watched->tripped, "");
  for (int i = 0; i < 2; ++i) probes_.Result("db", "");
  loop_.RunReady();
  EXPECT_EQ(watched->tripped, "probe db: 2 successes in a row");
}

TEST_F(ConditionTest, RefusesMalformedProbeGuards) {
  EXPECT_EQ(RefusedText({ProbeFails("db")}),
            "guards[0].probe.probe: \"db\" is no probe of this host; it has none: add a [[probe]] "
            "to its configuration");
  probes_.Add("db");
  probes_.Add("cdn");
  EXPECT_EQ(RefusedText({ProbeFails("dbx")}),
            "guards[0].probe.probe: \"dbx\" is no probe of this host; it has db, cdn");
  EXPECT_EQ(RefusedText({ProbeFails("db", 1001)}),
            "guards[0].probe.consecutive: 1001 is out of range; write 1 to 1000, or 0 for 3");
  for (int state : {0, 1, 17}) {
    v1::Guard guard = ProbeFails("db");
    guard.mutable_probe()->set_state(static_cast<v1::ProbeState>(state));
    EXPECT_EQ(DetailsOf(Refused({guard})).field, "guards[0].probe.state");
  }
}

TEST_F(ConditionTest, PressureTripsAboveItsBound) {
  SetPressure("cpu", 60, 0);
  const auto watched = BeginWell({PressureAbove(v1::PressureGuard::CPU, 60)});
  SetPressure("memory", 99, 99);
  Tick();
  EXPECT_EQ(watched->tripped, "");
  SetPressure("cpu", 63.25, 0);
  Tick();
  EXPECT_EQ(watched->tripped, "cpu pressure: 63.25% of the last 10s, above 60%");
}

TEST_F(ConditionTest, FullPressureIsAnotherNumber) {
  const auto watched = BeginWell({PressureAbove(v1::PressureGuard::MEMORY, 10, true)});
  SetPressure("memory", 90, 10);
  Tick();
  EXPECT_EQ(watched->tripped, "");
  SetPressure("memory", 90, 12.5);
  Tick();
  EXPECT_EQ(watched->tripped, "memory pressure (full): 12.5% of the last 10s, above 10%");
}

TEST_F(ConditionTest, PressureThatIsTooHighAlreadyIsRefused) {
  SetPressure("io", 40, 0);
  EXPECT_EQ(RefusedText({PressureAbove(v1::PressureGuard::IO, 30)}),
            "guards[0] has tripped already: io pressure: 40% of the last 10s, above 30%");
}

TEST_F(ConditionTest, RefusesMalformedPressureGuards) {
  for (double percent : {-1.0, 0.0, 100.0, std::nan("")}) {
    EXPECT_EQ(DetailsOf(Refused({PressureAbove(v1::PressureGuard::IO, percent)})).field,
              "guards[0].pressure.above_percent");
  }
  EXPECT_EQ(RefusedText({PressureAbove(v1::PressureGuard::IO, 100)}),
            "guards[0].pressure.above_percent: 100 is out of range; write above 0 and below 100");
  EXPECT_EQ(RefusedText({MemoryBelow(1), PressureAbove(v1::PressureGuard::CPU, 5, true)}),
            "guards[1].pressure.full: is not counted for CPU: some task always runs; leave it out");
  for (int resource : {0, 9}) {
    EXPECT_EQ(RefusedText({PressureAbove(static_cast<v1::PressureGuard::Resource>(resource), 5)}),
              "guards[0].pressure.resource: is missing or unknown; write CPU, MEMORY or IO");
  }
}

TEST_F(ConditionTest, SaysThatTheKernelDoesNotCountPressure) {
  std::filesystem::remove_all(folder_ + "/proc/pressure");
  const Status status = Refused({PressureAbove(v1::PressureGuard::CPU, 50)});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(),
            StrCat("guards[0]: this kernel does not count pressure; boot it with psi=1 (open ",
                   folder_, "/proc/pressure/cpu: No such file or directory)"));
}

TEST_F(ConditionTest, MemoryTripsBelowItsBound) {
  const auto bytes = BeginWell({MemoryBelow(500 * kMiB)});
  const auto percent = BeginWell({MemoryBelowPercent(25)});
  SetMemory(kGiBInKiB, 500 * kMiBInKiB);
  Tick();
  EXPECT_EQ(bytes->tripped, "");
  SetMemory(4 * kGiBInKiB, kGiBInKiB);
  Tick();
  EXPECT_EQ(percent->tripped, "");
  SetMemory(4 * kGiBInKiB, 412 * kMiBInKiB);
  Tick();
  EXPECT_EQ(bytes->tripped, "memory: 412MiB available, below 500MiB");
  EXPECT_EQ(percent->tripped, "memory: 412MiB available of 4GiB, below 25%");
}

TEST_F(ConditionTest, MemoryThatIsScarceAlreadyIsRefused) {
  SetMemory(kGiBInKiB, 100 * kMiBInKiB);
  EXPECT_EQ(RefusedText({MemoryBelow(500 * kMiB)}),
            "guards[0] has tripped already: memory: 100MiB available, below 500MiB");
}

TEST_F(ConditionTest, RefusesMalformedMemoryGuards) {
  v1::Guard empty;
  empty.mutable_memory();
  EXPECT_EQ(RefusedText({empty}),
            "guards[0].memory: has no bound; set below_bytes or below_percent");
  EXPECT_EQ(RefusedText({MemoryBelow(0)}),
            "guards[0].memory.below_bytes: 0 is never reached; write 1 or more");
  for (double percent : {-5.0, 0.0, 100.0, std::nan("")}) {
    EXPECT_EQ(DetailsOf(Refused({MemoryBelowPercent(percent)})).field,
              "guards[0].memory.below_percent");
  }
}

TEST_F(ConditionTest, FileTripsWithinASecondThoughItsDirectoryComesLate) {
  const auto watched = BeginWell({FileAppears(folder_ + "/run/faultd/HALT")});
  WriteFile("run/faultd/other", "");
  Tick();
  EXPECT_EQ(watched->tripped, "");
  WriteFile("run/faultd/HALT", "");
  Tick();
  EXPECT_EQ(watched->tripped, StrCat("file ", folder_, "/run/faultd/HALT appeared"));
}

TEST_F(ConditionTest, FileTripsAtOnceWhenTheKernelTellsOfIt) {
  const auto watched = BeginWell({FileAppears(folder_ + "/HALT")});
  const BootTime before = clock_.Now();
  WriteFile("other", "");
  std::ofstream(folder_ + "/new").close();
  std::filesystem::rename(folder_ + "/new", folder_ + "/HALT");
  Settle([&] { return watched->calls == 2; });
  EXPECT_EQ(watched->tripped, StrCat("file ", folder_, "/HALT appeared"));
  EXPECT_EQ(clock_.Now(), before);
}

TEST_F(ConditionTest, ALinkIntoNowhereIsAFileToo) {
  const auto watched = BeginWell({FileAppears(folder_ + "/HALT")});
  std::filesystem::create_symlink("/nonexistent/x", folder_ + "/HALT");
  Tick();
  EXPECT_EQ(watched->tripped, StrCat("file ", folder_, "/HALT appeared"));
}

TEST_F(ConditionTest, FileThatIsThereAlreadyIsRefused) {
  WriteFile("HALT", "");
  EXPECT_EQ(RefusedText({FileAppears(folder_ + "/HALT")}),
            StrCat("guards[0] has tripped already: file ", folder_, "/HALT is there"));
}

TEST_F(ConditionTest, RefusesFilesOnFileSystemsThatMayHang) {
  WriteFile("proc/self/mountinfo",
            "21 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
            "29 21 0:44 / /mnt/efs rw,relatime shared:9 - nfs4 127.0.0.1:/ rw\n"
            "30 29 0:45 / /mnt/efs/local rw - tmpfs tmpfs rw\n"
            "31 21 0:46 / /mnt/two\\040words rw - fuse.sshfs host:/ rw\n");
  EXPECT_EQ(RefusedText({FileAppears("/mnt/efs/stop/HALT")}),
            "guards[0].file.path: \"/mnt/efs/stop/HALT\" is on a network file system (nfs4 at "
            "/mnt/efs), which may hang when this host most needs to look; write a path on a local "
            "one, such as /run/faultd/HALT");
  EXPECT_EQ(DetailsOf(Refused({FileAppears("/mnt/two words/HALT")})).field, "guards[0].file.path");
  for (const char* path : {"/mnt/efs2/HALT", "/mnt/efs/local/HALT", "/run/none/HALT"})
    BeginWell({FileAppears(path)});
}

TEST_F(ConditionTest, FindsTheFileSystemAmongVeryManyMounts) {
  std::string mounts;
  for (int i = 0; i < 10'000; ++i) {
    mounts += StrCat("40 21 0:50 / /containers/", i,
                     " rw - overlay overlay lowerdir=", std::string(150, 'x'), "\n");
  }
  WriteFile("proc/self/mountinfo", StrCat(mounts, "99 21 0:44 / /mnt/efs rw - nfs4 host:/ rw\n"));
  EXPECT_EQ(DetailsOf(Refused({FileAppears("/mnt/efs/HALT")})).field, "guards[0].file.path");
  BeginWell({FileAppears(folder_ + "/HALT")});
}

TEST_F(ConditionTest, AFileIsNotWatchedWhereItsFileSystemCannotBeTold) {
  std::filesystem::remove(folder_ + "/proc/self/mountinfo");
  EXPECT_THAT(RefusedText({FileAppears(folder_ + "/HALT")}), testing::HasSubstr("mountinfo"));
}

TEST_F(ConditionTest, OneFileEndsAllFaultsThatItGuards) {
  MakeGuards(false, {FileAppears(folder_ + "/HALT")});
  const auto first = BeginWell({});
  const auto second = BeginWell({FileAppears(folder_ + "/HALT"), FileAppears(folder_ + "/stop")});
  WriteFile("HALT", "");
  Tick();
  EXPECT_EQ(first->tripped, StrCat("file ", folder_, "/HALT appeared"));
  EXPECT_EQ(second->tripped, first->tripped);
}

TEST_F(ConditionTest, RefusesPathsThatAreNotAbsolute) {
  for (const char* path : {"", "HALT", "./HALT", "/run/", "/", "/run/../HALT", "//HALT"})
    EXPECT_EQ(DetailsOf(Refused({FileAppears(path)})).field, "guards[0].file.path");
  EXPECT_EQ(RefusedText({FileAppears("HALT")}),
            "guards[0].file.path: \"HALT\" is not the absolute path of a file, without . and ..; "
            "write e.g. /run/faultd/HALT");
}

}  // namespace
}  // namespace faultd

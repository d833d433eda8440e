#include "guards/host_guards.h"

#include "unit/guards/guards_fixture.h"

namespace faultd {
namespace {

using testing::HasSubstr;

using HostGuardsTest = GuardsTest;

TEST_F(HostGuardsTest, NoGuardsAreReadyAndNeverTrip) {
  const auto watched = BeginWell({});
  loop_.RunFor(std::chrono::hours(1));
  EXPECT_EQ(watched->calls, 1);
}

TEST_F(HostGuardsTest, RefusesAGuardWithoutACondition) {
  const Status status = Refused({MemoryBelow(1), v1::Guard()});
  EXPECT_EQ(DetailsOf(status).field, "guards[1].condition");
  EXPECT_EQ(status.message(),
            "guards[1].condition: is missing; set one of probe, pressure, memory, alarm, file");
}

TEST_F(HostGuardsTest, RefusesTooManyGuards) {
  const Status status = Refused(std::vector<v1::Guard>(17, MemoryBelow(1)));
  EXPECT_EQ(status.message(), "guards[16]: is one too many; give at most 16");
  EXPECT_EQ(DetailsOf(status).field, "guards[16]");
}

TEST_F(HostGuardsTest, AnyOfTheGuardsTripsOnce) {
  probes_.Add("db");
  const auto watched =
      BeginWell({ProbeFails("db", 1), MemoryBelow(500 * kMiB),
                 PressureAbove(v1::PressureGuard::IO, 50), FileAppears(folder_ + "/HALT")});
  SetPressure("io", 80, 0);
  SetMemory(16'000'000, 1000);
  probes_.Result("db", "timed out");
  loop_.RunFor(std::chrono::minutes(1));
  EXPECT_EQ(watched->tripped, "probe db: 1 failure, the last one: timed out");
  EXPECT_EQ(watched->calls, 2);
}

TEST_F(HostGuardsTest, OneTimerServesAllFaultsAndNoneStaysBehind) {
  MakeGuards();
  probes_.Add("db");
  std::vector<std::unique_ptr<Watched>> all(20);
  for (std::unique_ptr<Watched>& each : all)
    each = BeginWell({MemoryBelow(kMiB), ProbeFails("db"), FileAppears("/nonexistent/x")});
  loop_.RunFor(std::chrono::seconds(10));
  EXPECT_EQ(loop_.timers(), 1u);
  EXPECT_EQ(probes_.watchers(), 20u);
  all.clear();
  EXPECT_EQ(loop_.timers(), 0u);
  EXPECT_EQ(probes_.watchers(), 0u);
}

TEST_F(HostGuardsTest, ADestroyedWatchCallsNothing) {
  probes_.Add("db");
  alarms_["checkout"] = {};
  const auto before_ready = Begin({AlarmRings("checkout"), MemoryBelow(kMiB)});
  before_ready->watch.reset();
  const auto after_ready = BeginWell({ProbeFails("db", 1), MemoryBelow(kMiB),
                                      FileAppears(folder_ + "/HALT"), AlarmRings("checkout")});
  after_ready->watch.reset();
  SetMemory(16'000'000, 1);
  WriteFile("HALT", "");
  probes_.Result("db", "refused");
  loop_.RunFor(std::chrono::minutes(2));
  EXPECT_EQ(before_ready->calls, 0);
  EXPECT_EQ(after_ready->calls, 1);
  EXPECT_EQ(loop_.timers(), 0u);
}

TEST_F(HostGuardsTest, CallbacksMayEndThisFaultAndOthers) {
  MakeGuards();
  std::unique_ptr<GuardWatcher::Watch> first;
  std::unique_ptr<GuardWatcher::Watch> second;
  int trips = 0;
  const auto end_both = [&](const std::string&) {
    ++trips;
    first.reset();
    second.reset();
  };
  first = guards_->Start({MemoryBelow(kMiB)}, [](const Status&) {}, end_both);
  second = guards_->Start({MemoryBelow(kMiB)}, [](const Status&) {}, end_both);
  std::unique_ptr<GuardWatcher::Watch> refused;
  refused = guards_->Start({v1::Guard()}, [&](const Status&) { refused.reset(); }, end_both);
  loop_.RunReady();
  EXPECT_EQ(refused, nullptr);
  SetMemory(16'000'000, 1);
  loop_.RunFor(std::chrono::seconds(5));
  EXPECT_EQ(trips, 1);
  EXPECT_EQ(loop_.timers(), 0u);
}

TEST_F(HostGuardsTest, FilesOfTheConfigurationGuardEveryFault) {
  MakeGuards(false, {FileAppears(folder_ + "/HALT")});
  const auto watched = BeginWell({});
  WriteFile("HALT", "");
  Tick();
  EXPECT_EQ(watched->tripped, StrCat("file ", folder_, "/HALT appeared"));
  const Status status = Refused({});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(), StrCat("[guards] of the configuration has tripped already: file ",
                                     folder_, "/HALT is there"));
}

TEST_F(HostGuardsTest, AFileOfTheConfigurationThatCannotBeWatchedIsNoFaultOfTheRequest) {
  MakeGuards(false, {FileAppears("/mnt/efs/HALT")});
  WriteFile("proc/self/mountinfo", "29 1 0:44 / /mnt/efs rw - nfs4 127.0.0.1:/ rw\n");
  const Status status = Refused({});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(DetailsOf(status).precondition_subject, "/mnt/efs/HALT");
}

TEST_F(HostGuardsTest, TheCanaryOfTheConfigurationGuardsEveryFault) {
  probes_.Add("canary");
  MakeGuards(false, {ProbeFails("canary", 2)});
  const auto watched = BeginWell({});
  probes_.Result("canary", "no answer within 1s");
  probes_.Result("canary", "");
  probes_.Result("canary", "no answer within 1s");
  Tick();
  EXPECT_EQ(watched->tripped, "");
  probes_.Result("canary", "no answer within 1s");
  Tick();
  EXPECT_EQ(watched->tripped,
            "probe canary: 2 failures in a row, the last one: no answer within 1s");
}

TEST_F(HostGuardsTest, WhatCannotBeWatchedAnyLongerTrips) {
  const auto watched = BeginWell({MemoryBelow(kMiB)});
  std::filesystem::remove(folder_ + "/proc/meminfo");
  Tick();
  EXPECT_EQ(watched->tripped, StrCat("guards[0] cannot be watched any longer: open ", folder_,
                                     "/proc/meminfo: No such file or directory"));
  const Status status = Refused({MemoryBelow(kMiB)});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("guards[0] cannot be watched: open"));
}

}  // namespace
}  // namespace faultd

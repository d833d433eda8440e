#include "ctl/render.h"

#include <gtest/gtest.h>

#include "ctl/from_text.h"

namespace faultd::ctl {
namespace {

using namespace std::chrono_literals;

const char kActive[] = R"pb(
  id: "my-1"
  spec { latency { delay { nanos: 100000000 } } }
  state: FAULT_STATE_ACTIVE
  actor: "uid=0(root)"
  lease {
    duration { seconds: 300 }
    remaining { seconds: 83 nanos: 1 }
    renewable: true
    deadline { seconds: 1770091506 }
  }
  labels { key: "z" value: "1" }
  labels { key: "a" value: "2" }
  effect { latency { packets_matched: 1234 bytes_matched: 1250000 packets_delayed: 1230 } }
  verification {
    detail: "2 rules"
    check_time { seconds: 1770091400 }
  }
  create_time { seconds: 1770091206 }
  summary: "latency 100ms to 10.0.0.0/8, egress of ens5"
)pb";

TEST(Render, Durations) {
  EXPECT_EQ(ShortDuration(-1s), "0s");
  EXPECT_EQ(ShortDuration(0s), "0s");
  EXPECT_EQ(ShortDuration(1ns), "1ms");
  EXPECT_EQ(ShortDuration(250ms), "250ms");
  EXPECT_EQ(ShortDuration(1001ms), "2s");
  EXPECT_EQ(ShortDuration(5400s), "1h30m");
}

TEST(Render, Names) {
  EXPECT_EQ(Words(v1::FAULT_STATE_REVERTING), "reverting");
  EXPECT_EQ(Words(v1::END_REASON_LEASE_ENDED), "lease ended");
  EXPECT_EQ(Words(v1::END_REASON_UNSPECIFIED), "");
  EXPECT_EQ(FormatTime(From<google::protobuf::Timestamp>("seconds: 1770091506")),
            "2026-02-03 04:05:06 UTC");
}

TEST(Render, Effects) {
  const auto words = [](const std::string& text) { return EffectWords(From<v1::Effect>(text)); };
  EXPECT_EQ(words(""), "");
  EXPECT_EQ(words("noop {}"), "");
  EXPECT_EQ(words("loss {}"), "0 packets matched");
  EXPECT_EQ(words("loss { packets_matched: 1234567 bytes_matched: 999 packets_dropped: 12 }"),
            "1,234,567 packets matched, 999 B matched, 12 packets dropped");
  EXPECT_EQ(words("blackhole { packets_matched: 100 bytes_matched: 123456789 }"),
            "100 packets matched, 123 MB matched");
  EXPECT_EQ(words("cpu { requested_percent: 80 achieved_percent: 79.9832 cores { core: 0 } }"),
            "80% requested, 80% achieved");
  EXPECT_EQ(
      words("memory { requested_bytes: 4294967296 resident_bytes: 4200000000 give_backs: 2 }"),
      "4.3 GB requested, 4.2 GB resident, 2 give backs");
  EXPECT_EQ(words("disk_fill { requested_bytes: 1000 allocated_bytes: 1000 percent_full: 95.04 "
                  "written: true }"),
            "1.0 kB requested, 1.0 kB allocated, 95% full, written");
  EXPECT_EQ(
      words("disk_io { read_operations_per_second: 12345.6 write_operations_per_second: 99.96 "
            "read_bytes_per_second: 5e7 latency_p50 { nanos: 120000 } direct: true }"),
      "12,346 read operations/s, 100 write operations/s, 50.0 MB/s read, latency p50 120us, "
      "direct");
}

TEST(Render, ALine) {
  auto fault = From<v1::Fault>(kActive);
  EXPECT_EQ(FaultLine(fault),
            "my-1 active, 1m24s left: latency 100ms to 10.0.0.0/8, egress of ens5");
  fault.set_state(v1::FAULT_STATE_FAILED);
  fault.set_end_reason(v1::END_REASON_ERROR);
  fault.mutable_error()->set_message("add link: no");
  EXPECT_EQ(FaultLine(fault),
            "my-1 failed, error: latency 100ms to 10.0.0.0/8, egress of ens5 (add link: no)");
}

TEST(Render, ATable) {
  const auto fault = From<v1::Fault>(kActive);
  const auto other = From<v1::Fault>(R"(id: "longer-id" state: FAULT_STATE_REVERTED summary: "noop"
                         end_reason: END_REASON_REQUESTED)");
  EXPECT_EQ(FaultTable({fault, other}),
            "ID         STATE     LEASE       WHAT\n"
            "my-1       active    1m24s left  latency 100ms to 10.0.0.0/8, egress of ens5\n"
            "longer-id  reverted  requested   noop");
}

TEST(Render, Details) {
  EXPECT_EQ(FaultDetails(From<v1::Fault>(kActive)),
            "my-1 active, 1m24s left: latency 100ms to 10.0.0.0/8, egress of ens5\n"
            "  lease     5m until 2026-02-03 04:05:06 UTC, renewable\n"
            "  effect    1,234 packets matched, 1.2 MB matched, 1,230 packets delayed\n"
            "  verified  2 rules, at 2026-02-03 04:03:20 UTC\n"
            "  actor     uid=0(root)\n"
            "  labels    a=2 z=1\n"
            "  created   2026-02-03 04:00:06 UTC\n"
            "  spec      {\"latency\":{\"delay\":\"0.100s\"}}");
}

TEST(Render, WhatGuardsDo) {
  auto fault = From<v1::Fault>(R"pb(
    id: "my-1"
    state: FAULT_STATE_REVERTED
    end_reason: END_REASON_GUARD
    end_detail: "probe db: 1 failure, the last one: timed out"
    summary: "noop"
    guards { probe { probe: "db" consecutive: 1 } }
    guards { file { path: "/run/faultd/HALT" } }
  )pb");
  EXPECT_EQ(FaultLine(fault),
            "my-1 reverted, ended by a guard (probe db: 1 failure, the last one: timed out): noop");
  EXPECT_EQ(
      FaultTable({fault}),
      "ID    STATE     LEASE             WHAT\n"
      "my-1  reverted  ended by a guard  noop (probe db: 1 failure, the last one: timed out)");
  EXPECT_NE(FaultDetails(fault).find("\n  stop if   probe:db:1\n  stop if   file:/run/faultd/HALT"),
            std::string::npos)
      << FaultDetails(fault);
}

TEST(Render, Progress) {
  const auto fault = From<v1::Fault>(kActive);
  EXPECT_EQ(ProgressLine(fault, 150s, 200),
            "my-1 [###############---------------] 2m30s left, 1,234 packets matched, 1.2 MB "
            "matched, 1,230 packets delayed");
  EXPECT_EQ(ProgressLine(fault, 0s, 50), "my-1 [##############################] 0s left, 1,");
  // A renewed lease may be longer than it was.
  EXPECT_EQ(ProgressLine(fault, 600s, 48), "my-1 [------------------------------] 10m left,");
}

TEST(Render, ADryRun) {
  const auto plan = From<v1::PlanFaultResponse>(R"(
      summary: "latency 100ms to a" changes: "steer a" changes: "add a link" warnings: "careful"
      undo { latency { interfaces: "ens5" } })");
  EXPECT_EQ(PlanText(plan),
            "would inject: latency 100ms to a\n"
            "  change    steer a\n"
            "  change    add a link\n"
            "  warning   careful\n"
            "  undo      {\"latency\":{\"interfaces\":[\"ens5\"]}}");
}

TEST(Render, TheDoctorsReport) {
  auto agent = From<v1::Agent>(R"(
      version: "0.1.0" hostname: "h" kernel: "6.1.0" os: "Debian 12" active_faults: 2
      start_time { seconds: 1770091206 } guardian_pid: 7
      capabilities { kind: "latency" state: UNAVAILABLE reason: "no sch_netem" remedy: "install p" }
      capabilities { kind: "noop" state: AVAILABLE })");
  EXPECT_EQ(AgentReport(agent),
            "clean: nothing left over, 1 of 2 kinds of fault can run, 2 active\n"
            "  daemon    faultd 0.1.0, since 2026-02-03 04:00:06 UTC\n"
            "  host      h, Debian 12, Linux 6.1.0\n"
            "  guardian  running, pid 7\n"
            "  latency   unavailable: no sch_netem\n"
            "            to do: install p\n"
            "  noop      available");
  agent.clear_capabilities();
  agent.set_guardian_pid(0);
  agent.add_leftovers()->set_type("link");
  agent.mutable_leftovers(0)->set_name("faultd3");
  EXPECT_EQ(AgentReport(agent),
            "not clean: 1 left over, 0 of 0 kinds of fault can run, 2 active, NO GUARDIAN\n"
            "  daemon    faultd 0.1.0, since 2026-02-03 04:00:06 UTC\n"
            "  host      h, Debian 12, Linux 6.1.0\n"
            "  guardian  not running; see the daemon's log\n"
            "  left over link faultd3\n"
            "            to do: `systemctl restart faultd`, or stop it and run "
            "`faultd-guardian --once`");
}

}  // namespace
}  // namespace faultd::ctl

// faultctl --hold: how it ends, and what it says and answers then.
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <thread>

#include "base/unique_fd.h"
#include "ctl/fake_daemon.h"

namespace faultd::ctl {
namespace {

v1::HoldFaultResponse InState(v1::FaultState state,
                              v1::EndReason reason = v1::END_REASON_UNSPECIFIED) {
  v1::HoldFaultResponse response;
  v1::Fault& fault = *response.mutable_fault();
  fault.set_id("my-1");
  fault.set_state(state);
  fault.set_end_reason(reason);
  fault.set_summary("noop");
  fault.mutable_effect()->mutable_loss()->set_packets_matched(12);
  fault.mutable_lease()->mutable_duration()->set_seconds(90);
  fault.mutable_lease()->mutable_deadline()->set_seconds(1770091506);
  if (reason == v1::END_REASON_UNSPECIFIED)
    fault.mutable_lease()->mutable_remaining()->set_seconds(90);
  return response;
}

const char kStarted[] = "my-1 active until 2026-02-03 04:05:06 UTC (1m30s), held: noop\n";

class HoldTest : public ::testing::Test {
 protected:
  // The daemon makes the fault active, then ends it for `reason` and the stream with `status`.
  void EndWith(v1::FaultState state, v1::EndReason reason, grpc::Status status) {
    daemon_.hold = [=](FakeDaemon::HoldStream& stream) {
      stream.Write(InState(v1::FAULT_STATE_ACTIVE));
      stream.Write(InState(state, reason));
      return status;
    };
  }
  ExitCode Run(const std::string& more = "") {
    return daemon_.Run("noop --for 90s --hold" + more, stop_.get());
  }
  // As a signal does.
  void Stop() { eventfd_write(stop_.get(), 1); }
  // Once the first line is out.
  void StopWhenStarted() {
    daemon_.output.on_flush = [this, stopped = false]() mutable {
      if (!std::exchange(stopped, true)) Stop();
    };
  }

  FakeDaemon daemon_;
  UniqueFd stop_{eventfd(0, EFD_CLOEXEC)};
};

const grpc::Status kAborted(grpc::StatusCode::ABORTED, "fault my-1 ended early");

TEST_F(HoldTest, ALeaseThatEndsIsDone) {
  EndWith(v1::FAULT_STATE_REVERTED, v1::END_REASON_LEASE_ENDED, grpc::Status::OK);
  EXPECT_EQ(Run(" --grace 2s"), ExitCode::kDone);
  EXPECT_EQ(daemon_.output.str(),
            std::string(kStarted) + "my-1 reverted, lease ended: noop; 12 packets matched\n");
  EXPECT_EQ(daemon_.err.str(), "");
  EXPECT_EQ(daemon_.held.inject().duration().seconds(), 90);
  EXPECT_EQ(daemon_.held.grace().seconds(), 2);
  EXPECT_EQ(daemon_.held.effect_interval().seconds(), 5);
}

TEST_F(HoldTest, AFaultThatSomebodyElseEndsEndedEarly) {
  EndWith(v1::FAULT_STATE_REVERTED, v1::END_REASON_REQUESTED, kAborted);
  EXPECT_EQ(Run(), ExitCode::kFaultFailed);
  EXPECT_EQ(daemon_.err.str(),
            "faultctl: ended early: my-1 reverted, requested: noop; 12 packets matched\n");
  EndWith(v1::FAULT_STATE_REVERTED, v1::END_REASON_SHUTDOWN, kAborted);
  EXPECT_EQ(Run(), ExitCode::kFaultFailed);
  EndWith(v1::FAULT_STATE_FAILED, v1::END_REASON_ERROR, kAborted);
  EXPECT_EQ(Run(), ExitCode::kFaultFailed);
}

TEST_F(HoldTest, AFaultThatAGuardEndsEndedEarly) {
  daemon_.hold = [](FakeDaemon::HoldStream& stream) {
    stream.Write(InState(v1::FAULT_STATE_ACTIVE));
    auto last = InState(v1::FAULT_STATE_REVERTED, v1::END_REASON_GUARD);
    last.mutable_fault()->set_end_detail("file /run/faultd/HALT appeared");
    stream.Write(last);
    return kAborted;
  };
  EXPECT_EQ(Run(" --stop-if file:/run/faultd/HALT"), ExitCode::kFaultFailed);
  EXPECT_EQ(daemon_.err.str(),
            "faultctl: ended early: my-1 reverted, ended by a guard (file /run/faultd/HALT "
            "appeared): noop; 12 packets matched\n");
  EXPECT_EQ(daemon_.held.inject().guards(0).file().path(), "/run/faultd/HALT");
}

TEST_F(HoldTest, ARefusalIsToldAsWithoutHold) {
  daemon_.hold = [](FakeDaemon::HoldStream&) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "sch_netem is missing");
  };
  EXPECT_EQ(Run(), ExitCode::kRefused);
  EXPECT_EQ(daemon_.err.str(), "faultctl: sch_netem is missing\n");
}

TEST_F(HoldTest, AStopEndsTheFaultAndWaitsForIt) {
  StopWhenStarted();
  daemon_.hold = [](FakeDaemon::HoldStream& stream) {
    stream.Write(InState(v1::FAULT_STATE_ACTIVE));
    v1::HoldFaultRequest request;
    EXPECT_FALSE(stream.Read(&request));  // the half-close
    stream.Write(InState(v1::FAULT_STATE_REVERTING, v1::END_REASON_REQUESTED));
    stream.Write(InState(v1::FAULT_STATE_REVERTED, v1::END_REASON_REQUESTED));
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run(), ExitCode::kDone);
  EXPECT_EQ(daemon_.output.str(), std::string(kStarted) +
                                      "my-1 reverting on request\n"
                                      "my-1 reverting, 12 packets matched\n"
                                      "my-1 reverted, requested: noop; 12 packets matched\n");
}

TEST_F(HoldTest, AStopBeforeTheFaultIsActiveIsDone) {
  daemon_.hold = [this](FakeDaemon::HoldStream& stream) {
    Stop();
    v1::HoldFaultRequest request;
    EXPECT_FALSE(stream.Read(&request));
    return kAborted;
  };
  EXPECT_EQ(Run(), ExitCode::kDone);
  EXPECT_EQ(daemon_.output.str(), "stopped before the fault was active; nothing is left of it\n");
}

TEST_F(HoldTest, ASecondStopDoesNotWait) {
  StopWhenStarted();
  daemon_.hold = [this](FakeDaemon::HoldStream& stream) {
    stream.Write(InState(v1::FAULT_STATE_ACTIVE));
    v1::HoldFaultRequest request;
    EXPECT_FALSE(stream.Read(&request));
    stream.Write(InState(v1::FAULT_STATE_REVERTING, v1::END_REASON_REQUESTED));
    Stop();
    while (stream.Write(InState(v1::FAULT_STATE_REVERTING, v1::END_REASON_REQUESTED)))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run(), ExitCode::kRevertIncomplete);
  EXPECT_NE(daemon_.err.str().find("my-1 was still being reverted"), std::string::npos);
}

TEST_F(HoldTest, ALostDaemonIsAnEarlyEnd) {
  daemon_.hold = [](FakeDaemon::HoldStream& stream) {
    stream.Write(InState(v1::FAULT_STATE_ACTIVE));
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
  };
  EXPECT_EQ(Run(), ExitCode::kFaultFailed);
  EXPECT_EQ(daemon_.err.str(),
            "faultctl: ended early: lost the daemon (Socket closed) while my-1 was active; the "
            "guardian reverts it. See `faultctl doctor`\n");
}

TEST_F(HoldTest, AReaderThatGoesAwayEndsTheFault) {
  daemon_.hold = [this](FakeDaemon::HoldStream& stream) {
    daemon_.out.setstate(std::ios::badbit);
    stream.Write(InState(v1::FAULT_STATE_ACTIVE));
    v1::HoldFaultRequest request;
    EXPECT_FALSE(stream.Read(&request));
    stream.Write(InState(v1::FAULT_STATE_REVERTED, v1::END_REASON_REQUESTED));
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run(), ExitCode::kDone);
}

TEST_F(HoldTest, AProgramGetsALinePerUpdate) {
  EndWith(v1::FAULT_STATE_REVERTED, v1::END_REASON_LEASE_ENDED, grpc::Status::OK);
  EXPECT_EQ(Run(" --json"), ExitCode::kDone);
  EXPECT_EQ(daemon_.output.str(),
            ToJson(InState(v1::FAULT_STATE_ACTIVE).fault()) + "\n" +
                ToJson(InState(v1::FAULT_STATE_REVERTED, v1::END_REASON_LEASE_ENDED).fault()) +
                "\n");
}

TEST_F(HoldTest, BriefIsALineAtTheStartAndOneAtTheEnd) {
  daemon_.hold = [](FakeDaemon::HoldStream& stream) {
    stream.Write(InState(v1::FAULT_STATE_PENDING));
    stream.Write(InState(v1::FAULT_STATE_ACTIVE));
    stream.Write(InState(v1::FAULT_STATE_ACTIVE));
    stream.Write(InState(v1::FAULT_STATE_REVERTING, v1::END_REASON_LEASE_ENDED));
    stream.Write(InState(v1::FAULT_STATE_REVERTED, v1::END_REASON_LEASE_ENDED));
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run(" --brief"), ExitCode::kDone);
  EXPECT_EQ(daemon_.output.str(),
            R"({"id":"my-1","state":"active","summary":"noop","deadline":"2026-02-03T04:05:06Z"})"
            "\n"
            R"({"id":"my-1","state":"reverted","summary":"noop","end_reason":"lease ended",)"
            R"("effect":"12 packets matched"})"
            "\n");
}

TEST_F(HoldTest, BriefSaysARefusalInOneLine) {
  daemon_.hold = [](FakeDaemon::HoldStream&) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "sch_netem is missing");
  };
  EXPECT_EQ(Run(" --brief"), ExitCode::kRefused);
  EXPECT_EQ(daemon_.output.str(), "{\"error\":\"sch_netem is missing\"}\n");
}

TEST_F(HoldTest, ATerminalShowsProgressInOneLine) {
  daemon_.style.terminal = true;
  EndWith(v1::FAULT_STATE_REVERTED, v1::END_REASON_LEASE_ENDED, grpc::Status::OK);
  EXPECT_EQ(Run(), ExitCode::kDone);
  EXPECT_EQ(daemon_.held.effect_interval().seconds(), 1);
  EXPECT_EQ(daemon_.output.str(),
            std::string(kStarted) +
                "\r\033[Kmy-1 [------------------------------] 1m30s left, "
                "12 packets matched"
                "\r\033[Kmy-1 reverted, lease ended: noop; 12 packets matched\n");
}

}  // namespace
}  // namespace faultd::ctl

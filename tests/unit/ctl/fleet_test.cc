// The same command on several hosts: what is printed and answered, and what is put back when one
// fails.
#include "ctl/fleet.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "ctl/command_line.h"
#include "ctl/fake_daemon.h"

namespace faultd::ctl {
namespace {

const grpc::Status kRefusal(grpc::StatusCode::FAILED_PRECONDITION, "no");

class FleetTest : public ::testing::Test {
 protected:
  FleetTest() {
    for (FakeDaemon& daemon : daemons_) {
      daemon.fault.set_id("my-1");
      daemon.fault.set_state(v1::FAULT_STATE_ACTIVE);
      daemon.fault.set_summary("noop");
    }
  }

  ExitCode Run(std::string words) {
    for (const FakeDaemon& daemon : daemons_) StrAppend(&words, " --host ", daemon.address());
    const auto options = ParseLine(words);
    EXPECT_TRUE(options.ok()) << options.status();
    if (!options.ok()) return ExitCode::kUsage;
    out_buffer_.str("");
    err_.str("");
    Output::Style style;
    style.json = options->json;
    return RunFleet(*options, Transport(), out_, err_, style, stop_.get());
  }

  const std::string& Name(int number) const { return daemons_[number].address(); }
  // Lines come in the order of the answers.
  static std::vector<std::string> Sorted(const std::string& text) {
    std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  std::vector<std::string> OnEach(const std::string& line) const {
    std::string text;
    for (int i = 0; i < 3; ++i) {
      StrAppend(&text, line, "\n");
      text.replace(text.find("HOST"), 4, Name(i));
    }
    return Sorted(text);
  }

  FakeDaemon daemons_[3];
  OutputBuffer out_buffer_;
  std::ostream out_{&out_buffer_};
  std::ostringstream err_;
  UniqueFd stop_{eventfd(0, EFD_CLOEXEC)};
};

TEST_F(FleetTest, EachLineNamesItsHost) {
  EXPECT_EQ(Run("list"), ExitCode::kDone);
  EXPECT_EQ(Sorted(out_buffer_.str()), OnEach("HOST: no faults"));
  EXPECT_EQ(Run("version --json --parallel 1"), ExitCode::kDone);
  EXPECT_EQ(Sorted(out_buffer_.str()),
            OnEach(StrCat(R"({"host":"HOST","faultctl":")", FAULTD_VERSION, R"(","faultd":""})")));
}

TEST_F(FleetTest, AFaultHasTheSameIdEverywhere) {
  EXPECT_EQ(Run("noop --for 90s"), ExitCode::kDone);
  EXPECT_TRUE(daemons_[0].injected.id().starts_with("fleet-"));
  EXPECT_EQ(daemons_[0].injected.id(), daemons_[1].injected.id());
  EXPECT_EQ(daemons_[0].injected.id(), daemons_[2].injected.id());
  EXPECT_EQ(Run("noop --for 90s --id my-1"), ExitCode::kDone);
  EXPECT_EQ(daemons_[2].injected.id(), "my-1");
}

TEST_F(FleetTest, TheWorstExitCodeCounts) {
  daemons_[0].status = kRefusal;
  EXPECT_EQ(Run("noop --for 90s"), ExitCode::kRefused);
  EXPECT_EQ(err_.str(), StrCat("faultctl: ", Name(0), ": no\n"));
  daemons_[1].StopServer();
  EXPECT_EQ(Run("noop --for 90s"), ExitCode::kUnreachable);

  EXPECT_EQ(Worst(ExitCode::kUnreachable, ExitCode::kRevertIncomplete),
            ExitCode::kRevertIncomplete);
  EXPECT_EQ(Worst(ExitCode::kFaultFailed, ExitCode::kUnreachable), ExitCode::kUnreachable);
  EXPECT_EQ(Worst(ExitCode::kFaultFailed, ExitCode::kRefused), ExitCode::kFaultFailed);
  EXPECT_EQ(Worst(ExitCode::kUsage, ExitCode::kRefused), ExitCode::kRefused);
  EXPECT_EQ(Worst(ExitCode::kUsage, ExitCode::kDone), ExitCode::kUsage);
}

TEST_F(FleetTest, WithoutAllOrNothingTheOthersStay) {
  daemons_[0].status = kRefusal;
  EXPECT_EQ(Run("noop --for 90s --id my-1"), ExitCode::kRefused);
  for (const FakeDaemon& daemon : daemons_) EXPECT_TRUE(daemon.reverted.empty());
}

TEST_F(FleetTest, AllOrNothingRevertsWhereTheFaultMayBe) {
  daemons_[2].status = kRefusal;
  EXPECT_EQ(Run("noop --for 90s --id my-1 --all-or-nothing --parallel 1"),
            ExitCode::kRevertIncomplete);  // they say that it is still active
  EXPECT_EQ(daemons_[0].reverted, std::vector<std::string>{"my-1"});
  EXPECT_EQ(daemons_[1].reverted, std::vector<std::string>{"my-1"});
  // It may have another fault of that id.
  EXPECT_TRUE(daemons_[2].reverted.empty());
}

TEST_F(FleetTest, AllOrNothingLeavesOutWhomItNeverReached) {
  daemons_[1].StopServer();
  EXPECT_EQ(Run("noop --for 90s --id my-1 --all-or-nothing --parallel 1"),
            ExitCode::kRevertIncomplete);
  EXPECT_EQ(daemons_[0].reverted, std::vector<std::string>{"my-1"});
  EXPECT_TRUE(daemons_[2].reverted.empty());
  const std::string err = err_.str();
  const std::string reason = StrCat(Name(1), ": cannot reach faultd");
  const size_t unreachable = err.find(reason);
  EXPECT_NE(unreachable, std::string::npos) << err;
  EXPECT_EQ(err.find(reason, unreachable + 1), std::string::npos) << err;
  EXPECT_NE(err.find(StrCat("faultctl: ", Name(2), ": not begun\n")), std::string::npos) << err;
}

TEST_F(FleetTest, AStopRevertsWhatAllOrNothingHasBegun) {
  out_buffer_.on_flush = [this, stopped = false]() mutable {
    if (std::exchange(stopped, true)) return;
    eventfd_write(stop_.get(), 1);
    pollfd unread{stop_.get(), POLLIN, 0};
    while (poll(&unread, 1, 0) > 0) std::this_thread::yield();
  };
  EXPECT_EQ(Run("noop --for 90s --id my-1 --all-or-nothing --parallel 1"),
            ExitCode::kRevertIncomplete);  // it says that it is still active
  EXPECT_EQ(daemons_[0].reverted, std::vector<std::string>{"my-1"});
}

TEST_F(FleetTest, AStopEndsHeldFaultsEverywhere) {
  std::atomic<int> active = 0;
  for (FakeDaemon& daemon : daemons_) {
    daemon.hold = [&](FakeDaemon::HoldStream& stream) {
      v1::HoldFaultResponse response;
      *response.mutable_fault() = daemon.fault;
      stream.Write(response);
      if (++active == 3) eventfd_write(stop_.get(), 1);
      v1::HoldFaultRequest end;
      EXPECT_FALSE(stream.Read(&end));
      response.mutable_fault()->set_state(v1::FAULT_STATE_REVERTED);
      response.mutable_fault()->set_end_reason(v1::END_REASON_REQUESTED);
      stream.Write(response);
      return grpc::Status::OK;
    };
  }
  EXPECT_EQ(Run("noop --for 90s --hold --parallel 1"), ExitCode::kDone);
  EXPECT_EQ(active, 3);
}

TEST_F(FleetTest, AllOrNothingEndsHeldFaultsWhenOneFails) {
  for (FakeDaemon& daemon : daemons_) {
    daemon.hold = [&](FakeDaemon::HoldStream& stream) {
      if (&daemon == &daemons_[1]) return kRefusal;
      v1::HoldFaultResponse response;
      *response.mutable_fault() = daemon.fault;
      stream.Write(response);
      v1::HoldFaultRequest end;
      EXPECT_FALSE(stream.Read(&end));
      response.mutable_fault()->set_state(v1::FAULT_STATE_REVERTED);
      response.mutable_fault()->set_end_reason(v1::END_REASON_REQUESTED);
      stream.Write(response);
      return grpc::Status::OK;
    };
  }
  EXPECT_EQ(Run("noop --for 90s --hold --all-or-nothing"), ExitCode::kRefused);
}

TEST_F(FleetTest, ChoosesSomeAndSaysWhich) {
  EXPECT_EQ(Run("noop --for 90s --id my-1 --select COUNT(2)"), ExitCode::kDone);
  EXPECT_TRUE(err_.str().starts_with("faultctl: chose 2 of 3 hosts: ")) << err_.str();
  int injected = 0;
  for (const FakeDaemon& daemon : daemons_) {
    const bool chosen = err_.str().find(daemon.address()) != std::string::npos;
    EXPECT_EQ(daemon.injected.id() == "my-1", chosen);
    injected += chosen ? 1 : 0;
  }
  EXPECT_EQ(injected, 2);
}

}  // namespace
}  // namespace faultd::ctl

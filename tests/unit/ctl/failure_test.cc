#include "ctl/failure.h"

#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"

namespace faultd::ctl {
namespace {

constexpr std::string_view kAddress = "unix:/run/faultd/faultd.sock";

ExitCode ExitOf(grpc::StatusCode code, Purpose purpose = Purpose::kInject, bool connected = true) {
  return Explain(grpc::Status(code, "x"), purpose, kAddress, connected).exit;
}

std::string MessageOf(const grpc::Status& status, Purpose purpose, bool connected) {
  return Explain(status, purpose, kAddress, connected).message;
}

template <typename Detail>
grpc::Status WithDetail(grpc::StatusCode code, const std::string& message, const Detail& detail) {
  google::rpc::Status status;
  status.set_code(static_cast<int>(code));
  status.set_message(message);
  status.add_details()->PackFrom(detail);
  return grpc::Status(code, message, status.SerializeAsString());
}

TEST(Failure, MapsCodesToExitCodes) {
  EXPECT_EQ(ExitOf(grpc::StatusCode::INVALID_ARGUMENT), ExitCode::kUsage);
  EXPECT_EQ(ExitOf(grpc::StatusCode::UNAVAILABLE), ExitCode::kUnreachable);
  for (auto code : {grpc::StatusCode::PERMISSION_DENIED, grpc::StatusCode::FAILED_PRECONDITION,
                    grpc::StatusCode::NOT_FOUND, grpc::StatusCode::ALREADY_EXISTS,
                    grpc::StatusCode::RESOURCE_EXHAUSTED}) {
    for (auto purpose : {Purpose::kInject, Purpose::kRead, Purpose::kRevert})
      EXPECT_EQ(ExitOf(code, purpose), ExitCode::kRefused) << code;
  }
  for (auto code : {grpc::StatusCode::INTERNAL, grpc::StatusCode::ABORTED,
                    grpc::StatusCode::UNKNOWN, grpc::StatusCode::CANCELLED}) {
    EXPECT_EQ(ExitOf(code, Purpose::kInject), ExitCode::kFaultFailed) << code;
    EXPECT_EQ(ExitOf(code, Purpose::kRevert), ExitCode::kRevertIncomplete) << code;
  }
}

TEST(Failure, RunningOutOfTimeDependsOnWhatWasAsked) {
  const auto late = grpc::StatusCode::DEADLINE_EXCEEDED;
  EXPECT_EQ(ExitOf(late, Purpose::kInject, true), ExitCode::kFaultFailed);
  EXPECT_EQ(ExitOf(late, Purpose::kRevert, true), ExitCode::kRevertIncomplete);
  EXPECT_EQ(ExitOf(late, Purpose::kRead, true), ExitCode::kUnreachable);
  for (auto purpose : {Purpose::kInject, Purpose::kRead, Purpose::kRevert})
    EXPECT_EQ(ExitOf(late, purpose, false), ExitCode::kUnreachable);
}

TEST(Failure, NamesTheOptionsOfFields) {
  const std::pair<const char*, const char*> cases[] = {
      {"spec.latency.delay", "--delay"},
      {"spec.latency.correlation_percent", "--correlation"},
      {"spec.latency.target.to[2].host", "--to number 3"},
      {"inject.spec.loss.target.to", "--to"},
      {"spec.loss.percent", "--percent"},
      {"spec.loss.gilbert_elliott.loss_in_bad_percent", "--gilbert-elliott"},
      {"target.except", "--except"},
      {"spec.blackhole.target.interfaces[0]", "--interface number 1"},
      {"duration", "--for"},
      {"guards[1].pressure.above_percent", "--stop-if number 2"},
      {"inject.guards[0].probe.probe", "--stop-if number 1"},
      {"labels[\"a b\"]", "--label"},
      {"id", "--id"},
      {"spec", "spec"},
      {"page_token", "page_token"},
  };
  for (const auto& [field, option] : cases) EXPECT_EQ(OptionOf(field, Purpose::kInject), option);
  EXPECT_EQ(OptionOf("id", Purpose::kRevert), "ID");
}

TEST(Failure, TellsViolationsInTermsOfOptions) {
  google::rpc::BadRequest bad;
  auto* first = bad.add_field_violations();
  first->set_field("spec.latency.delay");
  first->set_description("0s is out of range; write 1us to 1m");
  const auto one = WithDetail(grpc::StatusCode::INVALID_ARGUMENT,
                              "spec.latency.delay: 0s is out of range; write 1us to 1m", bad);
  EXPECT_EQ(MessageOf(one, Purpose::kInject, true), "--delay: 0s is out of range; write 1us to 1m");
  auto* second = bad.add_field_violations();
  second->set_field("duration");
  second->set_description("duration: is missing");
  const auto two = WithDetail(grpc::StatusCode::INVALID_ARGUMENT, "two things", bad);
  EXPECT_EQ(MessageOf(two, Purpose::kInject, true),
            "--delay: 0s is out of range; write 1us to 1m; --for: is missing");
}

TEST(Failure, TellsPreconditionsOnce) {
  google::rpc::PreconditionFailure failure;
  failure.add_violations()->set_description("there is no interface ens9; `ip link` lists them");
  const auto status = WithDetail(grpc::StatusCode::FAILED_PRECONDITION,
                                 "there is no interface ens9; `ip link` lists them", failure);
  const Failure explained = Explain(status, Purpose::kInject, kAddress, true);
  EXPECT_EQ(explained.message, "there is no interface ens9; `ip link` lists them");
  EXPECT_EQ(explained.status.details_size(), 1);
  const auto terse = WithDetail(grpc::StatusCode::FAILED_PRECONDITION, "not here", failure);
  EXPECT_EQ(MessageOf(terse, Purpose::kInject, true),
            "not here; there is no interface ens9; `ip link` lists them");
}

TEST(Failure, TellsGuardsThatHaveTrippedInTermsOfOptions) {
  google::rpc::PreconditionFailure detail;
  auto& violation = *detail.add_violations();
  violation.set_type("GUARD");
  violation.set_subject("guards[1]");
  violation.set_description("guards[1] has tripped already: file /run/faultd/HALT is there");
  const auto status = WithDetail(grpc::StatusCode::FAILED_PRECONDITION,
                                 "inject noop: " + violation.description(), detail);
  EXPECT_EQ(MessageOf(status, Purpose::kInject, true),
            "inject noop: --stop-if number 2 has tripped already: file /run/faultd/HALT is there");
}

TEST(Failure, SaysWhyTheDaemonCannotBeReached) {
  const auto unavailable = [](const std::string& why) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE,
                        "failed to connect to all addresses; last error: UNKNOWN: " + why);
  };
  const std::string prefix = "cannot reach faultd at unix:/run/faultd/faultd.sock: ";
  EXPECT_EQ(MessageOf(unavailable("No such file or directory"), Purpose::kRead, false),
            prefix + "there is no such socket; start the daemon with `systemctl start faultd`");
  EXPECT_EQ(MessageOf(unavailable("Connection refused"), Purpose::kRead, false),
            prefix + "nobody listens there; start the daemon with `systemctl start faultd`");
  EXPECT_EQ(MessageOf(unavailable("Permission denied"), Purpose::kRead, false),
            prefix + "Permission denied; run this as root or as a member of the group faultd");
  EXPECT_EQ(MessageOf(grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed"), Purpose::kRead,
                      false),
            prefix + "Socket closed; see `systemctl status faultd`");
  EXPECT_EQ(MessageOf(grpc::Status(grpc::StatusCode::UNAVAILABLE, "recovering; ask again"),
                      Purpose::kRead, true),
            "recovering; ask again");
}

TEST(Failure, SaysWhyADaemonOnAnotherHostCannotBeReached) {
  const auto message_of = [](grpc::StatusCode code, const std::string& why) {
    return Explain(grpc::Status(code, why), Purpose::kRead, "db1:7443", false).message;
  };
  const std::string prefix = "cannot reach faultd at db1:7443: ";
  const std::string all = "failed to connect to all addresses; last error: UNKNOWN: ";
  const auto unavailable = grpc::StatusCode::UNAVAILABLE;
  EXPECT_EQ(message_of(unavailable, all + "Connection refused"),
            prefix +
                "nobody listens there; it takes a running daemon with [tcp] in its "
                "faultd.toml");
  EXPECT_EQ(message_of(unavailable, "DNS resolution failed for db1:7443: no such name"),
            prefix + "its name cannot be looked up; check the name");
  EXPECT_EQ(message_of(unavailable, all + "Socket closed"),
            prefix +
                "it closed the connection at once, as it does when it refuses the certificate "
                "(of an unknown authority, expired, revoked, or not in tcp.allow) or has too "
                "many connections; its log says which");
  EXPECT_EQ(message_of(unavailable, all + "Connection timed out"),
            prefix + "is the host up, and does its firewall let you through?");
  EXPECT_EQ(message_of(unavailable, "Socket closed"), prefix + "Socket closed");
  EXPECT_EQ(message_of(grpc::StatusCode::DEADLINE_EXCEEDED, "x"),
            "faultd at db1:7443 did not answer in time (--timeout); is the host up, and does its "
            "firewall let you through?");
}

TEST(Failure, KnowsWhatWasNeverSent) {
  const auto unavailable = grpc::StatusCode::UNAVAILABLE;
  EXPECT_TRUE(NeverSent({unavailable, "failed to connect to all addresses; last error: x"}));
  EXPECT_TRUE(NeverSent({unavailable, "DNS resolution failed for x"}));
  EXPECT_FALSE(NeverSent({unavailable, "Socket closed"}));
  EXPECT_FALSE(NeverSent({grpc::StatusCode::PERMISSION_DENIED, "no"}));
}

}  // namespace
}  // namespace faultd::ctl

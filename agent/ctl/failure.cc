#include "ctl/failure.h"

#include <grpcpp/support/status.h>

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "ctl/address.h"
#include "google/rpc/error_details.pb.h"

namespace faultd::ctl {
namespace {

// How gRPC begins when a call could not be sent at all.
constexpr const char* kNoConnection = "failed to connect to all addresses";
constexpr const char* kNoName = "DNS resolution failed";

constexpr std::string_view kIsItUp = "is the host up, and does its firewall let you through?";

struct FieldOption {
  std::string_view field;
  std::string_view option;
};
constexpr std::array kFieldOptions = {
    FieldOption{"delay", "--delay"},
    FieldOption{"jitter", "--jitter"},
    FieldOption{"correlation_percent", "--correlation"},
    FieldOption{"distribution", "--distribution"},
    FieldOption{"percent", "--percent"},
    FieldOption{"gilbert_elliott", "--gilbert-elliott"},
    FieldOption{"note", "--note"},
    FieldOption{"to", "--to"},
    FieldOption{"all_traffic", "--all-traffic"},
    FieldOption{"except", "--except"},
    FieldOption{"direction", "--direction"},
    FieldOption{"interfaces", "--interface"},
    FieldOption{"flows_percent", "--flows-percent"},
    FieldOption{"duration", "--for"},
    FieldOption{"labels", "--label"},
    FieldOption{"guards", "--stop-if"},
    FieldOption{"grace", "--grace"},
    FieldOption{"effect_interval", "--interval"},
    FieldOption{"reason", "--reason"},
};

ExitCode ExitCodeOf(grpc::StatusCode code, Purpose purpose, bool connected) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::OUT_OF_RANGE:
      return ExitCode::kUsage;
    case grpc::StatusCode::UNAVAILABLE:
      return ExitCode::kUnreachable;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::UNIMPLEMENTED:
      return ExitCode::kRefused;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      if (!connected || purpose == Purpose::kRead) return ExitCode::kUnreachable;
      break;
    default:
      break;
  }
  return purpose == Purpose::kRevert ? ExitCode::kRevertIncomplete : ExitCode::kFaultFailed;
}

// What is wrong between here and a daemon that listens on TCP; "" when the message itself says it
// best. It is gRPC's, with OpenSSL's in it.
std::string_view DescribeConnection(std::string_view message) {
  struct Cause {
    std::string_view part;
    std::string_view text;
  };
  // With TLS 1.3 a client is done before the server has looked at its certificate.
  constexpr std::string_view kClosed =
      "it closed the connection at once, as it does when it refuses the certificate (of an unknown "
      "authority, expired, revoked, or not in tcp.allow) or has too many connections; its log says "
      "which";
  constexpr Cause kCauses[] = {
      {"Connection refused",
       "nobody listens there; it takes a running daemon with [tcp] in its faultd.toml"},
      {kNoName, "its name cannot be looked up; check the name"},
      {"certificate verify failed",
       "its certificate is not of an authority in --tls-ca, or has expired"},
      {"is not in peer certificate",
       "its certificate is for another name; connect to one of its names, or give one with "
       "--tls-name"},
      {"timed out", kIsItUp},
      {"Socket closed", kClosed},
      {"Connection reset", kClosed},
  };
  // Else it was there and went away.
  if (!absl::StrContains(ToAbsl(message), kNoConnection) &&
      !absl::StrContains(ToAbsl(message), kNoName)) {
    return "";
  }
  for (const Cause& cause : kCauses) {
    if (absl::StrContains(ToAbsl(message), ToAbsl(cause.part))) return cause.text;
  }
  return "";
}

std::string DescribeUnreachable(std::string_view message, std::string_view address) {
  std::string text = StrCat("cannot reach faultd at ", address, ": ");
  if (!IsUnix(address)) {
    const std::string_view cause = DescribeConnection(message);
    return StrCat(text, cause.empty() ? message : cause);
  }
  // The rest of gRPC's message is about its inner life.
  if (absl::StrContains(ToAbsl(message), "Permission denied")) {
    return text + "Permission denied; run this as root or as a member of the group faultd";
  }
  if (absl::StrContains(ToAbsl(message), "No such file")) {
    return text + "there is no such socket; start the daemon with `systemctl start faultd`";
  }
  if (absl::StrContains(ToAbsl(message), "Connection refused")) {
    return text + "nobody listens there; start the daemon with `systemctl start faultd`";
  }
  return StrCat(text, message, "; see `systemctl status faultd`");
}

std::string DescribeTimeout(Purpose purpose, std::string_view address, bool connected) {
  const std::string silent = StrCat("faultd at ", address, " did not answer in time (--timeout); ");
  if (!connected && !IsUnix(address)) return StrCat(silent, kIsItUp);
  if (!connected || purpose == Purpose::kRead) return silent + "see `systemctl status faultd`";
  if (purpose == Purpose::kRevert)
    return silent + "it goes on reverting: ask again, or see `faultctl list`";
  return silent + "unless it has an --id, the fault is reverted; see `faultctl list`";
}

void AppendDetails(const google::rpc::Status& status, Purpose purpose,
                   std::vector<std::string>& fields, std::vector<std::string>& preconditions) {
  for (const google::protobuf::Any& any : status.details()) {
    google::rpc::BadRequest bad;
    google::rpc::PreconditionFailure failure;
    if (any.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        const std::string path = violation.field() + ": ";
        std::string_view text = violation.description();
        if (text.starts_with(path)) text.remove_prefix(path.size());
        fields.push_back(StrCat(OptionOf(violation.field(), purpose), ": ", text));
      }
    } else if (any.UnpackTo(&failure)) {
      for (const auto& violation : failure.violations())
        preconditions.push_back(violation.description());
    }
  }
}

std::string Describe(const google::rpc::Status& status, Purpose purpose) {
  std::vector<std::string> fields;
  std::vector<std::string> preconditions;
  AppendDetails(status, purpose, fields, preconditions);
  // The violations say all that the message does, in terms of this program's options.
  std::string text = fields.empty() ? status.message() : absl::StrJoin(fields, "; ");
  for (const std::string& each : preconditions) {
    if (!absl::StrContains(text, each)) StrAppend(&text, "; ", each);
  }
  // These preconditions are about what was typed.
  for (const google::protobuf::Any& any : status.details()) {
    google::rpc::PreconditionFailure failure;
    if (!any.UnpackTo(&failure)) continue;
    for (const auto& violation : failure.violations()) {
      if (!violation.subject().starts_with("guards[")) continue;
      text = absl::StrReplaceAll(text,
                                 {{violation.subject(), OptionOf(violation.subject(), purpose)}});
    }
  }
  return text;
}

}  // namespace

bool NeverSent(const grpc::Status& status) {
  const std::string message = status.error_message();
  return status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED ||
         (status.error_code() == grpc::StatusCode::UNAVAILABLE &&
          (absl::StrContains(message, kNoConnection) || absl::StrContains(message, kNoName)));
}

std::string OptionOf(std::string_view field, Purpose purpose) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(field), '.');
  for (std::string_view part : parts) {
    const size_t bracket = part.find('[');
    const std::string_view name = part.substr(0, bracket);
    if (name == "id") return purpose == Purpose::kInject ? "--id" : "ID";
    for (const FieldOption& each : kFieldOptions) {
      if (each.field != name) continue;
      int index = 0;
      const bool indexed =
          bracket != std::string_view::npos && part.back() == ']' &&
          absl::SimpleAtoi(ToAbsl(part.substr(bracket + 1, part.size() - bracket - 2)), &index);
      return indexed ? StrCat(each.option, " number ", index + 1) : std::string(each.option);
    }
  }
  return std::string(field);
}

Failure Explain(const grpc::Status& status, Purpose purpose, std::string_view address,
                bool connected) {
  Failure failure;
  failure.exit = ExitCodeOf(status.error_code(), purpose, connected);
  if (!failure.status.ParseFromString(status.error_details()) || failure.status.code() == 0) {
    failure.status.Clear();
    failure.status.set_code(static_cast<int>(status.error_code()));
  }
  if (failure.status.message().empty()) failure.status.set_message(status.error_message());
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    failure.message = DescribeTimeout(purpose, address, connected);
  } else if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !connected) {
    failure.message = DescribeUnreachable(status.error_message(), address);
  } else {
    failure.message = Describe(failure.status, purpose);
  }
  return failure;
}

}  // namespace faultd::ctl

// Requests on their way from the wire to the host and back. An input is a letter for the message
// (i, p or r; in upper case it is text), a digit for the host, and the message.
#include <optional>

#include "absl/strings/ascii.h"
#include "daemon/policy_file.h"
#include "engine/request.h"
#include "faultd/v1/fault_service.pb.h"
#include "fuzz/check.h"
#include "fuzz/messages.h"
#include "google/protobuf/util/json_util.h"
#include "rpc/well_formed.h"
#include "support/test_host.h"

namespace faultd {
namespace {

constexpr std::chrono::seconds kAnswerTime{10};
constexpr std::chrono::minutes kRevertTime{2};

const Policy& StrictPolicy() {
  static const StatusOr<Policy> policy = ParsePolicy(R"(
[faults]
kinds = ["latency", "loss", "blackhole", "cpu", "memory", "disk_fill", "disk_io", "noop"]
max_lease = "1h"
max_active_per_kind = { cpu = 0 }
windows = ["Mon-Sun 00:00-24:00 UTC"]
[network]
allow = [{ cidr = "10.0.0.0/8" }, { cidr = "fd00::/8", ports = "443", protocol = "tcp" }]
deny = [{ cidr = "10.1.0.0/16", local_ports = "22" }]
[stress]
max_memory_percent = 50
paths = ["/data"]
)",
                                                     "policy");
  Check(policy.ok(), "the policy is good", policy.status().ToString());
  return *policy;
}

// What is refused before anything is looked up on the host.
bool IsGood(const google::protobuf::Message& request, const Status& valid) {
  if (const Status known = CheckWellFormed(request); !known.ok()) {
    CheckFieldError(known);
    return false;
  }
  if (!valid.ok()) CheckFieldError(valid);
  return valid.ok();
}

// Clients that speak JSON see every fault.
void CheckShown(const google::protobuf::Message& message) {
  std::string json;
  const auto shown = google::protobuf::util::MessageToJsonString(message, &json);
  Check(shown.ok(), "what was accepted can be shown as JSON", shown.ToString());
}

std::optional<StatusOr<v1::Fault>> InjectInto(TestHost& host,
                                              const v1::InjectFaultRequest& request) {
  std::optional<StatusOr<v1::Fault>> answer;
  host.engine().Inject(request, {"uid=0(root)", "user:0", Role::kAdmin},
                       [&answer](StatusOr<v1::Fault> fault) { answer = std::move(fault); });
  host.loop.RunFor(kAnswerTime);
  return answer;
}

void Inject(TestHost& host, const v1::InjectFaultRequest& request) {
  const HostSnapshot before = host.Snapshot();
  const Status valid = ValidateInject(request);
  const bool good = IsGood(request, valid);
  if (!good && valid.ok()) return;
  if (good) Check(Survives(request), "what is valid encodes to the same", request.DebugString());
  const auto answer = InjectInto(host, request);
  Check(answer.has_value(), "an injection is answered within 10 s");
  Check(valid.ok() || !answer->ok(), "what is not valid is refused", valid.ToString());
  if (answer->ok()) {
    CheckShown(**answer);
  } else {
    CheckError(answer->status());
  }
  for (const v1::Fault& fault : host.engine().List(true)) CheckShown(fault);
  bool reverted = false;
  host.engine().RevertAll(v1::END_REASON_REQUESTED,
                          [&reverted](const std::vector<v1::Fault>&) { reverted = true; });
  host.loop.RunFor(kRevertTime);
  Check(reverted, "a revert ends");
  Check(host.Snapshot() == before, "the host is as it was", request.DebugString());
}

void Plan(TestHost& host, const v1::PlanFaultRequest& request) {
  const HostSnapshot before = host.Snapshot();
  Status valid = ValidateSpec(request.spec());
  if (valid.ok() && request.has_duration()) valid = ValidateLease(true, request.duration());
  if (!IsGood(request, valid)) return;
  std::optional<StatusOr<v1::PlanFaultResponse>> answer;
  host.engine().Plan(request,
                     [&answer](StatusOr<v1::PlanFaultResponse> plan) { answer = std::move(plan); });
  host.loop.RunFor(kAnswerTime);
  Check(answer.has_value(), "a plan is answered within 10 s");
  Check(host.Snapshot() == before, "a plan changes nothing", request.DebugString());
  if (!answer->ok()) return CheckError(answer->status());
  Check(!(*answer)->summary().empty() && Survives(**answer), "a plan says what it is",
        (*answer)->DebugString());
  CheckShown(**answer);
}

void Renew(TestHost& host, const v1::RenewLeaseRequest& request) {
  v1::InjectFaultRequest held;
  held.set_id("held");
  held.mutable_spec()->mutable_noop();
  held.mutable_duration()->set_seconds(60);
  InjectInto(host, held);
  if (!CheckWellFormed(request).ok()) return;
  StatusOr<v1::Fault> renewed = absl::UnknownError("a renewal is answered at once");
  host.engine().Renew(request, [&](StatusOr<v1::Fault> answer) { renewed = std::move(answer); });
  if (!renewed.ok()) return CheckError(renewed.status());
  Check(ValidateLease(request.has_duration(), request.duration()).ok(), "a lease is valid",
        request.DebugString());
  CheckShown(*renewed);
}

template <typename Message>
void Run(void (*ask)(TestHost&, const Message&), bool text, std::string_view input) {
  const char variant = TakeLetter(input);
  Message request;
  if (!ReadMessage(text, input, request)) return;
  TestHost host(variant == '2' ? SteeringKind::kFlower : SteeringKind::kNftables);
  host.resolver.Set("db.example", {"10.0.1.7", "fd00::7"});
  if (variant == '1') host.engine().SetPolicy(StrictPolicy());
  ask(host, request);
}

}  // namespace
}  // namespace faultd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace faultd;
  std::string_view input = TextOf(data, size);
  const char letter = TakeLetter(input);
  const bool text = absl::ascii_isupper(static_cast<unsigned char>(letter));
  switch (absl::ascii_tolower(static_cast<unsigned char>(letter))) {
    case 'i':
      Run(Inject, text, input);
      break;
    case 'p':
      Run(Plan, text, input);
      break;
    case 'r':
      Run(Renew, text, input);
      break;
    default:
      break;
  }
  return 0;
}

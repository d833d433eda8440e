#include "rpc/status.h"

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace faultd {
namespace {

// Clients take no more than 8 KiB of metadata, and drop the whole answer else. The message comes in
// it three times, twice in Base64 and once with up to three bytes for each.
constexpr size_t kLongestMessage = 1024;

std::string Cut(std::string_view message) {
  if (message.size() <= kLongestMessage) return std::string(message);
  size_t end = kLongestMessage;
  // Not within a character of UTF-8.
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
  return StrCat(message.substr(0, end), "…");
}

}  // namespace

grpc::Status ToGrpcStatus(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message = Cut(ToStd(status.message()));
  const ErrorDetails details = DetailsOf(status);
  google::rpc::Status full;
  full.set_code(static_cast<int>(code));
  full.set_message(message);
  if (!details.field.empty()) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(details.field);
    violation->set_description(message);
    full.add_details()->PackFrom(bad_request);
  }
  if (!details.precondition_type.empty()) {
    google::rpc::PreconditionFailure failure;
    auto* violation = failure.add_violations();
    violation->set_type(details.precondition_type);
    violation->set_subject(details.precondition_subject);
    violation->set_description(message);
    full.add_details()->PackFrom(failure);
  }
  if (!details.rule.empty()) {
    google::rpc::ErrorInfo info;
    info.set_reason("DENIED_BY_RULE");
    info.set_domain("faultd");
    (*info.mutable_metadata())["rule"] = details.rule;
    full.add_details()->PackFrom(info);
  }
  return grpc::Status(code, message, full.SerializeAsString());
}

}  // namespace faultd

#include "rpc/audited_request.h"

#include <google/protobuf/util/json_util.h>

#include <string_view>

#include "audit/chain.h"
#include "base/strings.h"

namespace faultd {
namespace {

// A request that would fill the log is told by its size and hash.
std::string RequestJson(const google::protobuf::Message& request) {
  constexpr size_t kLargest = 16 << 10;
  if (const size_t size = request.ByteSizeLong(); size > kLargest) {
    return StrCat(R"({"bytes":)", size, R"(,"sha256":")", Sha256Hex(request.SerializeAsString()),
                  R"("})");
  }
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(request, &json, options).ok();
  return json;
}

// "InjectFaultRequest" is that of InjectFault.
std::string MethodOf(const google::protobuf::Message& request) {
  constexpr std::string_view kSuffix = "Request";
  std::string name = request.GetDescriptor()->name();
  if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
  return name;
}

std::string FaultOf(const google::protobuf::Message& request) {
  const auto* id = request.GetDescriptor()->FindFieldByName("id");
  const bool text = id != nullptr && id->type() == google::protobuf::FieldDescriptor::TYPE_STRING;
  return text ? request.GetReflection()->GetString(request, id) : "";
}

}  // namespace

AuditedRequest::AuditedRequest(AuditLog& log, AuditEntry who,
                               const google::protobuf::Message& request)
    : log_(&log), entry_(std::move(who)) {
  entry_.method = MethodOf(request);
  entry_.request = RequestJson(request);
  entry_.fault = FaultOf(request);
}

void AuditedRequest::Answered(const Status& result) {
  if (log_ == nullptr) return;
  const ErrorDetails details = DetailsOf(result);
  const bool lever = details.precondition_type == "LEVER";
  entry_.allowed = !absl::IsPermissionDenied(result) && !absl::IsUnauthenticated(result) && !lever;
  if (lever) entry_.rule = "safety lever";
  if (!details.rule.empty()) entry_.rule = details.rule;
  entry_.result = result;
  log_->Append(entry_);
}

void AuditedRequest::Ended(const Status& result) {
  if (log_ == nullptr) return;
  AuditEntry end = entry_;
  end.method += ".end";
  end.request.clear();
  end.result = result;
  log_->Append(std::move(end));
}

}  // namespace faultd

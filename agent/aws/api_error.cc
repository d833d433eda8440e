#include "aws/api_error.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "aws/json_text.h"
#include "aws/xml.h"

namespace faultd {
namespace {

constexpr absl::string_view kCode = "faultd/aws-code";

// As botocore's standard retry mode has them.
constexpr std::string_view kThrottling[] = {"Throttling",
                                            "ThrottlingException",
                                            "ThrottledException",
                                            "RequestThrottledException",
                                            "TooManyRequestsException",
                                            "ProvisionedThroughputExceededException",
                                            "TransactionInProgressException",
                                            "RequestLimitExceeded",
                                            "BandwidthLimitExceeded",
                                            "LimitExceededException",
                                            "RequestThrottled",
                                            "SlowDown",
                                            "PriorRequestNotComplete",
                                            "EC2ThrottledException"};
constexpr std::string_view kTransient[] = {"RequestTimeout", "RequestTimeoutException"};
constexpr std::string_view kExpired[] = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"};
constexpr std::string_view kClock[] = {
    "RequestTimeTooSkewed",  "RequestExpired", "RequestInTheFuture", "InvalidSignatureException",
    "SignatureDoesNotMatch", "AuthFailure",    "IncompleteSignature"};
constexpr std::string_view kDenied[] = {"AccessDenied", "AccessDeniedException",
                                        "UnauthorizedOperation", "OptInRequired"};
constexpr std::string_view kUnauthenticated[] = {
    "InvalidClientTokenId", "UnrecognizedClientException", "MissingAuthenticationToken",
    "MissingAuthenticationTokenException", "InvalidToken"};

template <size_t n>
bool IsOneOf(std::string_view code, const std::string_view (&list)[n]) {
  return std::find(std::begin(list), std::end(list), code) != std::end(list);
}

// "com.amazonaws.ecs#ServerException:http://…" is "ServerException".
std::string BareCode(std::string_view code) {
  code = code.substr(0, code.find(':'));
  const size_t hash = code.rfind('#');
  return std::string(hash == std::string_view::npos ? code : code.substr(hash + 1));
}

}  // namespace

ApiError ParseApiError(const HttpResponse& response) {
  ApiError error;
  const absl::string_view body = absl::StripAsciiWhitespace(response.body);
  if (absl::StartsWith(body, "<")) {
    const auto document = ParseXml(ToStd(body));
    if (!document.ok()) return error;
    for (const char* path : {"Error", "Errors/Error"}) {
      const XmlElement* found = document->Find(path);
      if (found != nullptr) return {found->Text("Code"), found->Text("Message")};
    }
    return error;
  }
  const auto json = ParseAnswer(ToStd(body));
  error.code = JsonText(json, "__type");
  if (error.code.empty()) error.code = JsonText(json, "code");
  if (error.code.empty()) error.code = response.Header("x-amzn-errortype");
  error.code = BareCode(error.code);
  error.message = JsonText(json, "message");
  if (error.message.empty()) error.message = JsonText(json, "Message");
  return error;
}

bool IsThrottling(const HttpResponse& response, const ApiError& error) {
  return IsOneOf(error.code, kThrottling) || response.status == 429 || response.status == 509;
}

bool IsTransient(const HttpResponse& response, const ApiError& error) {
  const int status = response.status;
  return IsOneOf(error.code, kTransient) ||
         (!IsThrottling(response, error) &&
          (status == 500 || status == 502 || status == 503 || status == 504));
}

bool IsExpiredCredentials(const ApiError& error) { return IsOneOf(error.code, kExpired); }

bool IsAboutTheClock(const ApiError& error) { return IsOneOf(error.code, kClock); }

Status ApiStatus(const HttpResponse& response, const ApiError& error, std::string_view action) {
  std::string message =
      StrCat(action, ": ", error.code.empty() ? "" : error.code + ": ",
             error.message.empty() ? StrCat("HTTP status ", response.status) : error.message);
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
  if (IsThrottling(response, error)) {
    code = absl::StatusCode::kResourceExhausted;
  } else if (response.status >= 500 || IsTransient(response, error)) {
    code = absl::StatusCode::kUnavailable;
  } else if (IsOneOf(error.code, kDenied)) {
    code = absl::StatusCode::kPermissionDenied;
    StrAppend(&message, " (the role of this host needs a policy that allows ", action, ")");
  } else if (IsOneOf(error.code, kUnauthenticated) || IsExpiredCredentials(error) ||
             IsAboutTheClock(error)) {
    code = absl::StatusCode::kUnauthenticated;
  } else if (response.status == 404 || absl::StrContains(error.code, "NotFound")) {
    code = absl::StatusCode::kNotFound;
  } else if (response.status == 401 || response.status == 403) {
    code = absl::StatusCode::kPermissionDenied;
  }
  Status status(code, message);
  if (!error.code.empty()) status.SetPayload(kCode, absl::Cord(error.code));
  return status;
}

std::string ApiErrorCode(const Status& status) {
  const auto code = status.GetPayload(kCode);
  return code ? std::string(*code) : std::string();
}

}  // namespace faultd

#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "http/http_message.h"

namespace faultd {

// What a service says is wrong, in JSON (ECS) or XML (CloudWatch, STS; EC2 has a form of its own).
struct ApiError {
  std::string code;  // without name space, e.g. "ThrottlingException"; empty when it says nothing
  std::string message;
};
ApiError ParseApiError(const HttpResponse& response);

// What to do about it.
bool IsThrottling(const HttpResponse& response, const ApiError& error);
bool IsTransient(const HttpResponse& response, const ApiError& error);  // throttling not included
bool IsExpiredCredentials(const ApiError& error);
bool IsAboutTheClock(const ApiError& error);  // or about the signature, which a wrong clock spoils

// PERMISSION_DENIED, UNAUTHENTICATED (credentials or signature not accepted), RESOURCE_EXHAUSTED
// (throttled), UNAVAILABLE (its fault), NOT_FOUND, else INVALID_ARGUMENT; the message has the code.
// `action` is the IAM name of what was tried, "ecs:ListTasks".
Status ApiStatus(const HttpResponse& response, const ApiError& error, std::string_view action);

// The service's code that a status was made from, or empty.
std::string ApiErrorCode(const Status& status);

}  // namespace faultd

#include "aws/api_call.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "aws/api_error.h"
#include "aws/backoff.h"
#include "aws/time_format.h"

namespace faultd {
namespace {

namespace asio = boost::asio;

constexpr int kRetryBudget = 500;
constexpr int kRetryCost = 5;
constexpr int kTimeoutCost = 10;

// x-amz-retry-after, milliseconds.
std::chrono::nanoseconds RetryAfter(const HttpResponse& response) {
  int64_t wait = 0;
  if (!absl::SimpleAtoi(ToAbsl(response.Header("x-amz-retry-after")), &wait)) return {};
  return std::chrono::milliseconds(std::clamp<int64_t>(wait, 0, 20'000));
}

}  // namespace

struct ApiClient::Attempt {
  enum Kind { kDone, kFinal, kRepeatAtOnce, kRepeat } kind = kFinal;
  StatusOr<HttpResponse> result = absl::InternalError("not tried");
  int cost = kRetryCost;
  std::chrono::nanoseconds at_least{};  // pause before the next
};

ApiRequest JsonRequest(const AwsService& service, std::string_view prefix, std::string action,
                       std::string json) {
  return {service,
          action,
          {{"Content-Type", "application/x-amz-json-1.1"},
           {"X-Amz-Target", StrCat(prefix, ".", action)}},
          std::move(json)};
}

ApiRequest QueryRequest(const AwsService& service, std::string action, std::string_view version,
                        const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string body = StrCat("Action=", action, "&Version=", version);
  for (const auto& [name, value] : parameters) {
    StrAppend(&body, "&", name, "=");
    AppendPercentEncoded(&body, value);
  }
  return {service,
          std::move(action),
          {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
          std::move(body)};
}

bool ApiClient::SpendOnRetry(int cost) {
  if (retry_budget_ < cost) return false;
  retry_budget_ -= cost;
  return true;
}

asio::awaitable<ApiClient::Attempt> ApiClient::Try(const ApiRequest& request) {
  Attempt attempt;
  auto endpoint = co_await endpoints_->Find(request.service);
  if (!endpoint.ok()) {
    attempt.result = endpoint.status();
    co_return attempt;
  }
  auto credentials = co_await credentials_->Get();
  if (!credentials.ok()) {
    attempt.result = credentials.status();
    co_return attempt;
  }
  HttpRequest http;
  http.method = "POST";
  http.url = endpoint->url;
  http.headers = request.headers;
  http.headers.emplace_back("User-Agent", "faultd/" FAULTD_VERSION);
  http.body = request.body;
  const SigningScope scope{endpoint->region, std::string(request.service.prefix)};
  const auto signed_at = clock_->WallNow();
  Sign(credentials->key, scope, signed_at, &http);

  const std::string action = StrCat(request.service.config, ":", request.action);
  auto response = co_await http_->Send(std::move(http), options_.timeout);
  if (!response.ok()) {
    const Status& status = response.status();
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status))
      attempt.kind = Attempt::kRepeat;
    if (absl::IsDeadlineExceeded(status)) attempt.cost = kTimeoutCost;
    attempt.result = Annotate(status, action);
    co_return attempt;
  }
  if (const auto date = ParseHttpDate(response->Header("Date")); date.ok()) clock_->Observe(*date);
  if (response->status / 100 == 2) {
    attempt.kind = Attempt::kDone;
    attempt.result = std::move(response);
    co_return attempt;
  }
  const ApiError error = ParseApiError(*response);
  attempt.result = ApiStatus(*response, error, action);
  attempt.at_least = RetryAfter(*response);
  const auto drift = std::chrono::abs(clock_->WallNow() - signed_at);
  if (IsAboutTheClock(error) && drift > std::chrono::minutes(1) + options_.timeout) {
    attempt.kind = request.has_times ? Attempt::kFinal : Attempt::kRepeatAtOnce;
  } else if (IsExpiredCredentials(error)) {
    credentials_->Refuse(*credentials);
    auto renewed = co_await credentials_->Get();
    if (renewed.ok() && !(renewed->key == credentials->key)) attempt.kind = Attempt::kRepeatAtOnce;
  } else if (IsThrottling(*response, error) || IsTransient(*response, error)) {
    attempt.kind = Attempt::kRepeat;
  }
  co_return attempt;
}

asio::awaitable<StatusOr<HttpResponse>> ApiClient::Call(ApiRequest request) {
  bool repeated_at_once = false;
  int spent = 0;
  for (int count = 1;; ++count) {
    Attempt attempt = co_await Try(request);
    if (attempt.kind == Attempt::kDone) {
      retry_budget_ = std::min(kRetryBudget, retry_budget_ + std::max(spent, 1));
      co_return std::move(attempt.result);
    }
    if (attempt.kind == Attempt::kRepeatAtOnce && !repeated_at_once) {
      repeated_at_once = true;
      --count;
      continue;
    }
    if (attempt.kind != Attempt::kRepeat || count >= options_.attempts ||
        !SpendOnRetry(attempt.cost)) {
      co_return std::move(attempt.result);
    }
    spent = attempt.cost;
    co_await Sleep(std::max(attempt.at_least,
                            Backoff(count - 1, options_.first_backoff, options_.longest_backoff)));
  }
}

}  // namespace faultd

#include "aws/imds.h"

#include "absl/strings/match.h"
#include "aws/backoff.h"
#include "base/file_io.h"
#include <boost/asio/co_spawn.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;

constexpr char kTokenHeader[] = "X-aws-ec2-metadata-token";
constexpr std::chrono::seconds kTokenLife{21600};  // the longest there is

bool IsWorthRepeating(const Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

Status ErrorOf(const HttpResponse& response, std::string_view path) {
  const std::string what =
      StrCat("instance metadata /latest/", path, ": HTTP status ", response.status);
  switch (response.status) {
    case 403:
      return absl::FailedPreconditionError(
          StrCat(what, ": the service is turned off for this instance (HttpEndpoint)"));
    case 404:
      return absl::NotFoundError(what);
    case 400:
    case 401:
      return absl::FailedPreconditionError(what);
    default:
      return absl::UnavailableError(what);
  }
}

}  // namespace

bool IsEc2Instance(const std::string& root) {
  for (const char* file : {"sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/bios_vendor"}) {
    const auto vendor = ReadSmallFile(root + file);
    if (vendor.ok() && *vendor == "Amazon EC2") return true;
  }
  return false;
}

StatusOr<Url> Imds::BaseUrl() const {
  if (IsTrue(environment_, "AWS_EC2_METADATA_DISABLED")) {
    return absl::FailedPreconditionError(
        "instance metadata is not used: AWS_EC2_METADATA_DISABLED is true");
  }
  std::string url = Variable(environment_, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (url.empty()) {
    const std::string mode = Variable(environment_, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    url =
        absl::EqualsIgnoreCase(mode, "ipv6") ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  }
  auto parsed = Url::Parse(url);
  if (!parsed.ok()) return Annotate(parsed.status(), "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  return parsed;
}

asio::awaitable<StatusOr<HttpResponse>> Imds::Request(std::string method, std::string path,
                                                      std::pair<std::string, std::string> header) {
  auto url = BaseUrl();
  if (!url.ok()) co_return url.status();
  HttpRequest request;
  request.method = method;
  request.url = *std::move(url);
  request.url.target = "/latest/" + path;
  request.headers.push_back(std::move(header));
  auto response = co_await http_->Send(std::move(request), options_.timeout);
  if (!response.ok()) co_return Annotate(response.status(), "instance metadata");
  co_return response;
}

asio::awaitable<Status> Imds::GetToken() {
  const std::string ttl = StrCat(kTokenLife.count());
  auto response = co_await Request("PUT", "api/token", {StrCat(kTokenHeader, "-ttl-seconds"), ttl});
  if (!response.ok()) {
    if (!absl::IsDeadlineExceeded(response.status())) co_return response.status();
    co_return Annotate(response.status(),
                       "no token (in a container, the hop limit of the instance must be 2)");
  }
  if (response->status != 200) co_return ErrorOf(*response, "api/token");
  token_ = response->body;
  // A moment less than it lives, so that it does not end under way.
  token_until_ = clock_.Now() + kTokenLife - std::chrono::minutes(1);
  co_return absl::OkStatus();
}

asio::awaitable<StatusOr<std::string>> Imds::GetOnce(std::string path) {
  // Twice, because a token may be refused before its time: a new one then.
  HttpResponse answer;
  for (int round = 0; round < 2; ++round) {
    if (token_.empty() || clock_.Now() >= token_until_) {
      const Status status = co_await GetToken();
      if (!status.ok()) co_return status;
    }
    auto response = co_await Request("GET", path, {kTokenHeader, token_});
    if (!response.ok()) co_return response.status();
    if (response->status == 200) co_return std::move(response->body);
    answer = *std::move(response);
    if (answer.status != 401) break;
    token_.clear();
  }
  co_return ErrorOf(answer, path);
}

asio::awaitable<StatusOr<std::string>> Imds::Get(std::string path) {
  for (int attempt = 1;; ++attempt) {
    auto value = co_await GetOnce(path);
    if (value.ok() || !IsWorthRepeating(value.status()) || attempt >= options_.attempts) {
      co_return value;
    }
    co_await Sleep(Backoff(attempt, options_.first_backoff, std::chrono::seconds(2)));
  }
}

void FetchInstanceMetadata(asio::io_context& context, const std::string& path,
                           std::function<void(StatusOr<std::string>)> done) {
  static const SystemClock clock;
  auto imds = std::make_shared<Imds>(HttpClient::Create(context, {}), ProcessEnvironment(), clock,
                                     Imds::Options{.attempts = 1});
  auto work = imds->Get(path);
  asio::co_spawn(
      context, std::move(work),
      [imds, done = std::move(done)](std::exception_ptr failed, StatusOr<std::string> value) {
        if (failed) value = absl::InternalError("instance metadata: unexpected failure");
        done(std::move(value));
      });
}

}  // namespace faultd

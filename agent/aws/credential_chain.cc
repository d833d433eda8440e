#include "aws/credential_chain.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "aws/backoff.h"
#include "aws/json_text.h"
#include "aws/profile.h"
#include "aws/time_format.h"
#include "aws/xml.h"
#include "base/file_io.h"
#include "http/host_files.h"
#include <boost/asio/ip/address.hpp>
#include <nlohmann/json.hpp>

namespace faultd {
namespace {

namespace asio = boost::asio;

// Keys that take a program, a browser or another role to get credentials from.
constexpr const char* kUnsupported[] = {"credential_process", "role_arn", "sso_session",
                                        "sso_start_url"};

std::optional<Credentials> FromEnvironment(const Environment& environment) {
  Credentials credentials;
  credentials.key = {Variable(environment, "AWS_ACCESS_KEY_ID"),
                     Variable(environment, "AWS_SECRET_ACCESS_KEY"),
                     Variable(environment, "AWS_SESSION_TOKEN")};
  credentials.source = "the environment";
  if (credentials.key.id.empty() || credentials.key.secret.empty()) return std::nullopt;
  return credentials;
}

// Nothing when the profile has no credentials.
StatusOr<std::optional<Credentials>> FromProfile(const Profile& profile) {
  Credentials credentials;
  credentials.key = {profile.Get("aws_access_key_id"), profile.Get("aws_secret_access_key"),
                     profile.Get("aws_session_token")};
  credentials.source = StrCat("profile ", profile.name());
  if (!credentials.key.id.empty() && !credentials.key.secret.empty()) return credentials;
  for (const char* key : kUnsupported) {
    if (profile.Get(key).empty()) continue;
    return absl::FailedPreconditionError(
        StrCat("profile ", profile.name(), " has ", key,
               ", which faultd does not support; give the "
               "host an instance role, or the profile static keys"));
  }
  return std::nullopt;
}

// Plain HTTP only to where nobody on the network can listen.
Status CheckContainerUrl(const Url& url) {
  boost::system::error_code not_an_address;
  const auto address = asio::ip::make_address(url.host, not_an_address);
  if (url.tls || url.host == "localhost" || url.host == "169.254.170.2" ||
      url.host == "169.254.170.23" || url.host == "fd00:ec2::23" ||
      (!not_an_address && address.is_loopback())) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      StrCat("AWS_CONTAINER_CREDENTIALS_FULL_URI: ", url.host,
             " must be asked by https; plain http is for the loopback and the ECS and EKS agents"));
}

asio::awaitable<StatusOr<std::string>> ReadHostFile(std::string path) {
  const auto read = [path = std::move(path)] { return ReadSmallFile(path); };
  co_return co_await ReadHostFiles(read);
}

asio::awaitable<StatusOr<std::string>> AuthorizationToken(const Environment& environment) {
  const std::string file = Variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  std::string token = Variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (!file.empty()) {
    auto read = co_await ReadHostFile(file);
    if (!read.ok()) co_return read.status();
    token = *std::move(read);
  }
  if (token.find_first_of("\r\n") != std::string::npos) {
    co_return absl::FailedPreconditionError("the container's authorization token has a line break");
  }
  co_return token;
}

}  // namespace

StatusOr<Credentials> ParseCredentials(std::string_view json, std::string source) {
  const auto parsed = ParseAnswer(json);
  const std::string code = JsonText(parsed, "Code");
  if (!code.empty() && code != "Success") {
    return absl::UnavailableError(StrCat(source, ": ", code, ": ", JsonText(parsed, "Message")));
  }
  Credentials credentials;
  credentials.key = {JsonText(parsed, "AccessKeyId"), JsonText(parsed, "SecretAccessKey"),
                     JsonText(parsed, "Token")};
  credentials.source = source;
  if (credentials.key.id.empty() || credentials.key.secret.empty()) {
    return absl::UnavailableError(StrCat(source, ": the answer has no credentials"));
  }
  if (const std::string expiration = JsonText(parsed, "Expiration"); !expiration.empty()) {
    const auto expires = ParseTime(expiration);
    if (!expires.ok()) return Annotate(expires.status(), source);
    credentials.expires = *expires;
  }
  return credentials;
}

asio::awaitable<StatusOr<Credentials>> CredentialChain::Fetch() {
  if (auto found = FromEnvironment(environment_)) co_return *found;
  auto profile = co_await Profile::Find(environment_);
  if (!profile.ok()) co_return profile.status();

  std::string token_file = Variable(environment_, "AWS_WEB_IDENTITY_TOKEN_FILE");
  std::string role = Variable(environment_, "AWS_ROLE_ARN");
  if (token_file.empty()) {
    token_file = profile->Get("web_identity_token_file");
    role = profile->Get("role_arn");
  }
  if (!token_file.empty()) co_return co_await FromWebIdentity(role, token_file);

  auto kept = FromProfile(*profile);
  if (!kept.ok()) co_return kept.status();
  if (kept->has_value()) co_return **std::move(kept);

  const std::string relative = Variable(environment_, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  std::string url = Variable(environment_, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative.empty()) url = "http://169.254.170.2" + relative;
  if (!url.empty()) co_return co_await FromContainer(url);

  co_return co_await FromInstanceRole();
}

asio::awaitable<StatusOr<Credentials>> CredentialChain::FromWebIdentity(std::string role,
                                                                        std::string token_file) {
  const std::string source = StrCat("web identity for ", role);
  auto token = co_await ReadHostFile(token_file);
  if (!token.ok()) co_return Annotate(token.status(), source);
  auto endpoint = co_await endpoints_->Find(kSts);
  if (!endpoint.ok()) co_return endpoint.status();
  std::string session = Variable(environment_, "AWS_ROLE_SESSION_NAME");
  if (session.empty()) session = "faultd";
  HttpRequest request;
  request.method = "POST";
  request.url = endpoint->url;
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  request.body = StrCat(
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=", PercentEncode(role),
      "&RoleSessionName=", PercentEncode(session), "&WebIdentityToken=", PercentEncode(*token));
  auto response = co_await http_->Send(std::move(request), std::chrono::seconds(10));
  if (!response.ok()) co_return Annotate(response.status(), source);
  auto answer = ParseXml(response->body);
  if (!answer.ok()) co_return Annotate(answer.status(), source);
  if (response->status != 200) {
    co_return absl::UnavailableError(
        StrCat(source, ": ", answer->Text("Error/Code"), ": ", answer->Text("Error/Message")));
  }
  const std::string path = "AssumeRoleWithWebIdentityResult/Credentials/";
  Credentials credentials;
  credentials.key = {answer->Text(path + "AccessKeyId"), answer->Text(path + "SecretAccessKey"),
                     answer->Text(path + "SessionToken")};
  credentials.source = source;
  const auto expires = ParseTime(answer->Text(path + "Expiration"));
  if (!expires.ok() || credentials.key.id.empty() || credentials.key.secret.empty()) {
    co_return absl::UnavailableError(StrCat(source, ": the answer has no credentials"));
  }
  credentials.expires = *expires;
  co_return credentials;
}

asio::awaitable<StatusOr<Credentials>> CredentialChain::FromContainer(std::string text) {
  auto url = Url::Parse(text);
  if (!url.ok()) co_return Annotate(url.status(), "container credentials");
  if (const Status status = CheckContainerUrl(*url); !status.ok()) co_return status;
  const std::string source = StrCat("container credentials of ", url->Origin());
  Status last;
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (attempt > 0)
      co_await Sleep(Backoff(attempt, std::chrono::milliseconds(500), std::chrono::seconds(1)));
    auto token = co_await AuthorizationToken(environment_);
    if (!token.ok()) co_return Annotate(token.status(), source);
    HttpRequest request;
    request.url = *url;
    request.headers.emplace_back("Accept", "application/json");
    if (!token->empty()) request.headers.emplace_back("Authorization", *token);
    auto response = co_await http_->Send(std::move(request), std::chrono::seconds(2));
    if (response.ok() && response->status == 200)
      co_return ParseCredentials(response->body, source);
    last = response.ok()
               ? absl::UnavailableError(StrCat(source, ": HTTP status ", response->status))
               : Annotate(response.status(), source);
    if (response.ok() && response->status < 500 && response->status != 429) break;
  }
  co_return last;
}

asio::awaitable<StatusOr<Credentials>> CredentialChain::FromInstanceRole() {
  const std::string folder = "meta-data/iam/security-credentials/";
  auto roles = co_await imds_->Get(folder);
  if (absl::IsNotFound(roles.status())) {
    co_return absl::FailedPreconditionError(
        "no AWS credentials: the instance has no role, and the environment and ~/.aws/credentials "
        "have none");
  }
  if (!roles.ok()) co_return Annotate(roles.status(), "no AWS credentials");
  const std::string role(absl::StripAsciiWhitespace(roles->substr(0, roles->find('\n'))));
  auto answer = co_await imds_->Get(folder + role);
  if (!answer.ok()) co_return answer.status();
  co_return ParseCredentials(*answer, StrCat("role ", role, " of the instance"));
}

}  // namespace faultd

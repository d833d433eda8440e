#include "aws/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "aws/time_format.h"

namespace faultd {
namespace {

using Digest = std::array<unsigned char, 32>;

std::string_view Bytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string Hex(const Digest& digest) { return absl::BytesToHexString(ToAbsl(Bytes(digest))); }

Digest Sha256(std::string_view text) {
  Digest digest;
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

Digest Hmac(std::string_view key, std::string_view text) {
  Digest digest;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), nullptr);
  return digest;
}

// RFC 3986 section 5.2.4, and runs of slashes become one.
std::string NormalPath(std::string_view path) {
  std::vector<absl::string_view> kept;
  for (absl::string_view segment : absl::StrSplit(ToAbsl(path), '/', absl::SkipEmpty())) {
    if (segment == ".") continue;
    if (segment != "..") {
      kept.push_back(segment);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  const bool folder = !kept.empty() && path.ends_with('/');
  return StrCat("/", absl::StrJoin(kept, "/"), folder ? "/" : "");
}

// The path is encoded once more than it is sent with.
std::string CanonicalPath(std::string_view path) {
  const std::string normal = NormalPath(path);
  std::vector<std::string> segments;
  for (absl::string_view segment : absl::StrSplit(ToAbsl(normal), '/')) {
    segments.push_back(PercentEncode(ToStd(segment)));
  }
  return absl::StrJoin(segments, "/");
}

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (absl::string_view parameter : absl::StrSplit(ToAbsl(query), '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(parameter, absl::MaxSplits('=', 1));
    parameters.emplace_back(PercentEncode(PercentDecode(ToStd(parts.first))),
                            PercentEncode(PercentDecode(ToStd(parts.second))));
  }
  std::sort(parameters.begin(), parameters.end());
  return absl::StrJoin(parameters, "&", absl::PairFormatter("="));
}

// Sorted by name; the values of several headers of one name are joined in their order.
std::map<std::string, std::string> CanonicalHeaders(const HttpRequest& request) {
  std::map<std::string, std::string> headers;
  headers["host"] = request.url.Authority();
  for (const auto& [key, value] : request.headers) {
    const std::string name = absl::AsciiStrToLower(key);
    if (name == "user-agent" || name.starts_with("amz-sdk-")) continue;
    std::string text = value;
    absl::RemoveExtraAsciiWhitespace(&text);
    const auto [header, fresh] = headers.try_emplace(name, text);
    if (!fresh) StrAppend(&header->second, ",", text);
  }
  return headers;
}

}  // namespace

void Sign(const AccessKey& key, const SigningScope& scope, std::chrono::nanoseconds since_epoch,
          HttpRequest* request) {
  const std::string time = FormatBasicTime(since_epoch);
  const std::string day = time.substr(0, 8);
  request->headers.emplace_back("X-Amz-Date", time);
  if (!key.session_token.empty()) {
    request->headers.emplace_back("X-Amz-Security-Token", key.session_token);
  }
  const std::string_view target = request->url.target;
  const size_t mark = target.find('?');
  const std::string_view query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  const auto headers = CanonicalHeaders(*request);
  const std::string signed_names = absl::StrJoin(
      headers, ";", [](std::string* out, const auto& header) { *out += header.first; });

  std::string canonical = StrCat(request->method, "\n", CanonicalPath(target.substr(0, mark)), "\n",
                                 CanonicalQuery(query), "\n");
  for (const auto& [name, value] : headers) StrAppend(&canonical, name, ":", value, "\n");
  StrAppend(&canonical, "\n", signed_names, "\n", Hex(Sha256(request->body)));

  const std::string credential_scope =
      StrCat(day, "/", scope.region, "/", scope.service, "/aws4_request");
  const std::string to_sign =
      StrCat("AWS4-HMAC-SHA256\n", time, "\n", credential_scope, "\n", Hex(Sha256(canonical)));
  Digest signing_key = Hmac(StrCat("AWS4", key.secret), day);
  for (std::string_view part : {std::string_view(scope.region), std::string_view(scope.service),
                                std::string_view("aws4_request")}) {
    signing_key = Hmac(Bytes(signing_key), part);
  }
  request->headers.emplace_back(
      "Authorization", StrCat("AWS4-HMAC-SHA256 Credential=", key.id, "/", credential_scope,
                              ", SignedHeaders=", signed_names,
                              ", Signature=", Hex(Hmac(Bytes(signing_key), to_sign))));
}

}  // namespace faultd

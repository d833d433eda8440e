#include "http/url.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace faultd {
namespace {

constexpr char kHexDigits[] = "0123456789ABCDEF";

constexpr std::array<bool, 256> MakeUnreserved() {
  std::array<bool, 256> table{};
  for (char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789-_.~")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr std::array<bool, 256> kUnreserved = MakeUnreserved();

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Status Invalid(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      StrCat("\"", text, "\" is no URL of the form http[s]://host[:port][/path]: ", why));
}

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
}

bool IsIpv6Character(char c) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(c)) || c == ':' || c == '.';
}

}  // namespace

StatusOr<Url> Url::Parse(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    url.tls = false;
    url.port = 80;
  } else {
    return Invalid(text, "it must begin with http:// or https://");
  }
  const bool printable =
      std::all_of(rest.begin(), rest.end(), [](char c) { return c > ' ' && c < 127; });
  if (!printable) return Invalid(text, "blanks and other than ASCII characters must be encoded");
  const size_t end = rest.find_first_of("/?#");
  if (end != std::string_view::npos) {
    const std::string_view target = rest.substr(end);
    if (target.find('#') != std::string_view::npos) return Invalid(text, "no fragment is possible");
    url.target = target.front() == '?' ? StrCat("/", target) : std::string(target);
    rest = rest.substr(0, end);
  }
  std::string_view port;
  if (rest.starts_with('[')) {
    const size_t bracket = rest.find(']');
    if (bracket == std::string_view::npos) return Invalid(text, "] is missing");
    url.host = rest.substr(1, bracket - 1);
    port = rest.substr(bracket + 1);
    if (!std::all_of(url.host.begin(), url.host.end(), IsIpv6Character) ||
        url.host.find(':') == std::string::npos) {
      return Invalid(text, "an IPv6 address must be between the brackets");
    }
  } else {
    const size_t colon = rest.find(':');
    url.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port = rest.substr(colon);
    if (!std::all_of(url.host.begin(), url.host.end(), IsHostCharacter)) {
      return Invalid(text, "the host has a character that no host name has");
    }
  }
  if (url.host.empty()) return Invalid(text, "the host is missing");
  absl::AsciiStrToLower(&url.host);
  if (!port.empty()) {
    int number = 0;
    if (port.front() != ':' || !absl::SimpleAtoi(ToAbsl(port.substr(1)), &number) || number < 1 ||
        number > 65535) {
      return Invalid(text, "the port must be a number from 1 to 65535");
    }
    url.port = static_cast<uint16_t>(number);
  }
  return url;
}

std::string Url::Authority() const {
  std::string authority = host.find(':') == std::string::npos ? host : StrCat("[", host, "]");
  if (port != (tls ? 443 : 80)) StrAppend(&authority, ":", port);
  return authority;
}

std::string Url::Origin() const { return StrCat(tls ? "https://" : "http://", Authority()); }

void AppendPercentEncoded(std::string* out, std::string_view text) {
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kUnreserved[byte]) {
      out->push_back(c);
    } else {
      out->push_back('%');
      out->push_back(kHexDigits[byte >> 4]);
      out->push_back(kHexDigits[byte & 15]);
    }
  }
}

std::string PercentEncode(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  AppendPercentEncoded(&out, text);
  return out;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? HexValue(text[i + 2]) : -1;
    if (low < 0) {
      out.push_back(text[i]);
    } else {
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

}  // namespace faultd

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace faultd {

// An http or https URL (RFC 3986) without user information and fragment.
struct Url {
  bool tls = true;
  std::string host;          // without the brackets of an IPv6 address; in lower case
  uint16_t port = 443;       // of the scheme when the URL names none
  std::string target = "/";  // path and query as they are sent, percent-encoded already

  // INVALID_ARGUMENT says what is wrong.
  static StatusOr<Url> Parse(std::string_view text);

  // Value of the Host header: with brackets, and with the port unless it is the scheme's.
  std::string Authority() const;
  // "https://host:port", for messages.
  std::string Origin() const;

  friend bool operator==(const Url&, const Url&) = default;
};

// Percent-encodes everything but A-Z a-z 0-9 - _ . ~ (RFC 3986 unreserved), as SigV4 and the
// query protocol demand.
std::string PercentEncode(std::string_view text);
void AppendPercentEncoded(std::string* out, std::string_view text);

// "%41" becomes "A"; what is not an escape stays.
std::string PercentDecode(std::string_view text);

}  // namespace faultd

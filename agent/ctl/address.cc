#include "ctl/address.h"

#include "base/strings.h"
#include "ctl/endpoint.h"

namespace faultd::ctl {
namespace {

constexpr uint32_t kDefaultPort = 7443;

}  // namespace

bool IsUnix(std::string_view address) { return address.starts_with("unix:"); }

StatusOr<std::string> ParseAddress(std::string_view text) {
  if (text.starts_with('/')) return StrCat("unix:", text);
  if (IsUnix(text)) return std::string(text);
  ASSIGN_OR_RETURN(const v1::Endpoint endpoint, ParseEndpoint(text));
  const std::string& host = endpoint.host();
  if (host.empty() || host.find('/') != std::string::npos || endpoint.ports().last() != 0 ||
      endpoint.protocol() != v1::PROTOCOL_UNSPECIFIED) {
    return absl::InvalidArgumentError(
        StrCat("\"", text,
               "\" is not where a daemon listens; write unix:/run/faultd/faultd.sock, or a host "
               "and a port such as db1.example.com:7443"));
  }
  const bool brackets = host.find(':') != std::string::npos;
  return StrCat(brackets ? "[" : "", host, brackets ? "]:" : ":",
                endpoint.has_ports() ? endpoint.ports().first() : kDefaultPort);
}

}  // namespace faultd::ctl

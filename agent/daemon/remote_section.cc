#include "daemon/remote_section.h"

#include <utility>

#include "daemon/tcp_listener.h"
#include "rpc/principal.h"

namespace faultd {

Status ReadListen(const toml::node& value, std::string& into) {
  const auto text = ReadText(value);
  if (!text.ok() || !ParseListenAddress(*text).ok())
    return Expected("an address and a port, such as \"0.0.0.0:7443\" or \"[::]:7443\"");
  into = *text;
  return absl::OkStatus();
}

Status ReadPath(const toml::node& value, std::string& into) {
  const auto text = ReadText(value);
  if (!text.ok() || !text->starts_with('/')) return Expected("an absolute path");
  into = *text;
  return absl::OkStatus();
}

Status ReadPrincipals(const toml::node& value, std::vector<std::string>& into) {
  return ReadList<std::string>(
      value, "a list, such as [\"group:faultd\", \"uri:spiffe://example.org/ci/*\"]",
      [](const toml::node& element) -> StatusOr<std::string> {
        ASSIGN_OR_RETURN(std::string entry, ReadText(element));
        RETURN_IF_ERROR(ValidatePrincipal(entry));
        return entry;
      },
      into);
}

Status FinishTcpSection(const TcpConfig& config) {
  const std::pair<std::string_view, const std::string&> needed[] = {
      {"listen", config.listen},
      {"certificate", config.tls.certificate},
      {"key", config.tls.key},
      {"client_ca", config.tls.client_ca},
  };
  for (const auto& [key, value] : needed) {
    if (value.empty()) {
      return absl::InvalidArgumentError(
          StrCat("tcp.", key, ": is missing; [tcp] needs listen, certificate, key and client_ca"));
    }
  }
  return absl::OkStatus();
}

}  // namespace faultd

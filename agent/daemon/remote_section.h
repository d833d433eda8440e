#pragma once

#include <string>
#include <vector>

#include "daemon/config_values.h"
#include "rpc/tls.h"

// What [tcp] and [access] of the configuration are read with.
namespace faultd {

// What the daemon listens on for clients on other hosts, beside its unix socket.
struct TcpConfig {
  std::string listen;  // address:port; empty: nothing
  TlsConfig tls;
};

Status ReadListen(const toml::node& value, std::string& into);
// An absolute path.
Status ReadPath(const toml::node& value, std::string& into);
// A list of entries as in rpc/principal.h.
Status ReadPrincipals(const toml::node& value, std::vector<std::string>& into);

// INVALID_ARGUMENT naming a key that is missing, or that is of no use without tcp.listen.
Status FinishTcpSection(const TcpConfig& config);

}  // namespace faultd

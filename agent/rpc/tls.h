#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace faultd {

// What the TCP listener proves itself with and whom it believes. All are paths of PEM files.
struct TlsConfig {
  std::string certificate;  // the daemon's own, with intermediate ones behind it
  std::string key;          // of the certificate; for root's eyes only
  std::string client_ca;    // authorities of clients
  // Certificates that its authority took back. Empty: not asked. Otherwise a client whose authority
  // has no current list here is refused.
  std::string crl;
  // Who may connect, as AccessConfig has them. Empty: every client with a certificate.
  std::vector<std::string> allow;
};

// Credentials of a server that demands a certificate of each client. Files are read again when they
// change (looked at once a second); while they are not good, the last good ones stay.
// INVALID_ARGUMENT naming key and file when they are not good now.
StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const TlsConfig& config);

// gRPC has no setting for the TLS version, but one for the cipher suites of TLS 1.2. To be called
// before anything of gRPC, while there is one thread.
void AllowTls13Only();

}  // namespace faultd

#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "base/status.h"

namespace faultd::ctl {

// What connections over TCP are made with. The first three are paths of PEM files.
struct TlsFiles {
  std::string ca;           // authorities of the daemon's certificate
  std::string certificate;  // this client's own, with intermediate ones behind it
  std::string key;
  // Whose certificate the daemon must have. Empty: that of the host that is connected to.
  std::string name;
};

// How a daemon that does not listen on a unix socket is connected to.
struct Transport {
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  std::string server_name;  // TlsFiles::name
};

// Reads the files. INVALID_ARGUMENT naming option and file when one of them is not good.
StatusOr<Transport> LoadTransport(const TlsFiles& files);

}  // namespace faultd::ctl

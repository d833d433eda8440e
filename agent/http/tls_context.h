#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include <boost/asio/ssl/context.hpp>

namespace faultd {

struct TlsOptions {
  // PEM file (AWS_CA_BUNDLE) with the authorities that may have signed the server's certificate.
  // Empty: those of the distribution, looked for where Debian, RHEL and Amazon Linux keep them.
  std::string ca_bundle;
  // Without, any certificate is accepted, for any host, and no authorities are read.
  bool verify = true;
};

// What TLS connections are made with: TLS 1.2 or newer. Takes some 30 ms and 4 MB when it verifies,
// so it is made once, when first needed, and off the loop.
StatusOr<std::shared_ptr<boost::asio::ssl::context>> MakeTlsContext(const TlsOptions& options);

}  // namespace faultd

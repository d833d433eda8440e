#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include <boost/asio/ssl/context.hpp>

namespace faultd {

// What TLS connections are made with: TLS 1.2 or newer, the server's certificate verified against
// `ca_bundle` (a PEM file, AWS_CA_BUNDLE) or, when empty, against the CA certificates of the
// distribution, which are looked for where Debian, RHEL and Amazon Linux keep them. Takes some 30
// ms and 4 MB, so it is made once, when first needed, and off the loop.
StatusOr<std::shared_ptr<boost::asio::ssl::context>> MakeTlsContext(const std::string& ca_bundle);

}  // namespace faultd

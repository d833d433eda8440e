#include "http/tls_context.h"

#include <unistd.h>

namespace faultd {
namespace {

constexpr const char* kSystemBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu
    "/etc/pki/tls/certs/ca-bundle.crt",    // RHEL, CentOS, Amazon Linux
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
};

std::string SystemBundle() {
  for (const char* path : kSystemBundles) {
    if (access(path, R_OK) == 0) return path;
  }
  return {};
}

Status LoadAuthorities(boost::asio::ssl::context& context, const std::string& ca_bundle) {
  const std::string bundle = ca_bundle.empty() ? SystemBundle() : ca_bundle;
  if (bundle.empty()) {
    return absl::FailedPreconditionError(StrCat("no CA certificates: ", kSystemBundles[0],
                                                " is not there; install the package "
                                                "ca-certificates or set AWS_CA_BUNDLE"));
  }
  boost::system::error_code error;
  context.load_verify_file(bundle, error);
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat("read CA certificates from ", bundle, ": ", error.message()));
}

}  // namespace

StatusOr<std::shared_ptr<boost::asio::ssl::context>> MakeTlsContext(const TlsOptions& options) {
  namespace ssl = boost::asio::ssl;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  if (options.verify) RETURN_IF_ERROR(LoadAuthorities(*context, options.ca_bundle));
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  // An idle connection needs no buffers.
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  context->set_verify_mode(options.verify ? ssl::verify_peer : ssl::verify_none);
  return context;
}

}  // namespace faultd

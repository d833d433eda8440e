#include "ctl/transport.h"

#include <openssl/ssl.h>

#include "base/file_io.h"
#include "ctl/option_values.h"

namespace faultd::ctl {
namespace {

// The content of the file that `option` names.
StatusOr<std::string> ReadPem(std::string_view option, const std::string& path) {
  auto text = ReadSmallFile(path);
  if (!text.ok()) return OptionError(option, ToStd(text.status().message()));
  return text;
}

Status Wrong(std::string_view option, const std::string& path, std::string_view wrong) {
  return OptionError(option, StrCat(path, " ", wrong));
}

// gRPC says nothing of files that are not good but that it cannot connect.
Status Check(const TlsFiles& files) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  if (SSL_CTX_load_verify_file(context.get(), files.ca.c_str()) != 1)
    return Wrong("--tls-ca", files.ca, "has no certificate in PEM");
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
    return Wrong("--tls-cert", files.certificate, "is not a certificate in PEM");
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Wrong("--tls-key", files.key,
                 StrCat("is not the private key, in PEM, of ", files.certificate));
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<Transport> LoadTransport(const TlsFiles& files) {
  grpc::SslCredentialsOptions options;
  ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem("--tls-ca", files.ca));
  ASSIGN_OR_RETURN(options.pem_cert_chain, ReadPem("--tls-cert", files.certificate));
  ASSIGN_OR_RETURN(options.pem_private_key, ReadPem("--tls-key", files.key));
  RETURN_IF_ERROR(Check(files));
  return Transport{grpc::SslCredentials(options), files.name};
}

}  // namespace faultd::ctl

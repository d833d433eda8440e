#include "rpc/tls.h"

#include <grpc/grpc.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "base/strings.h"
#include "base/threads.h"
#include "rpc/principal.h"

namespace faultd {
namespace {

using grpc::experimental::FileWatcherCertificateProvider;

constexpr unsigned kRefreshSeconds = 1;

template <typename T, void (*free)(T*)>
struct Free {
  void operator()(T* object) const { free(object); }
};
template <typename T, void (*free)(T*)>
using Owned = std::unique_ptr<T, Free<T, free>>;
using OwnedX509 = Owned<X509, X509_free>;

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};

Status FileError(std::string_view key, const std::string& path, std::string_view wrong) {
  return absl::InvalidArgumentError(StrCat("tcp.", key, ": ", path, " ", wrong));
}

Status CheckFiles(const TlsConfig& config) {
  struct stat info{};
  if (stat(config.key.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return FileError("key", config.key,
                     "can be read or written by others than its owner; chmod 600 it");
  }
  const Owned<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_server_method()));
  if (SSL_CTX_use_certificate_chain_file(context.get(), config.certificate.c_str()) != 1)
    return FileError("certificate", config.certificate,
                     "is not a certificate in PEM that can be read");
  if (SSL_CTX_use_PrivateKey_file(context.get(), config.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return FileError("key", config.key, StrCat("is not the private key of ", config.certificate));
  const Owned<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  if (X509_STORE_load_file(store.get(), config.client_ca.c_str()) != 1)
    return FileError("client_ca", config.client_ca, "has no certificate in PEM that can be read");
  if (!config.crl.empty() && X509_STORE_load_file(store.get(), config.crl.c_str()) != 1)
    return FileError("crl", config.crl,
                     "has no certificate revocation list in PEM that can be read");
  return absl::OkStatus();
}

Owned<BIO, BIO_free_all> Reader(grpc::string_ref pem) {
  return Owned<BIO, BIO_free_all>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

OwnedX509 ReadCertificate(BIO* input) {
  return OwnedX509(PEM_read_bio_X509(input, nullptr, nullptr, nullptr));
}

Status CheckRevocation(const TlsConfig& config, grpc::string_ref certificate,
                       grpc::string_ref chain) {
  const OwnedX509 leaf = ReadCertificate(Reader(certificate).get());
  const std::unique_ptr<STACK_OF(X509), FreeStack> others(sk_X509_new_null());
  const auto rest = Reader(chain);
  while (OwnedX509 next = ReadCertificate(rest.get())) sk_X509_push(others.get(), next.release());
  // Read anew each time, so that a list takes effect with the next connection.
  const Owned<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  const Owned<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
  if (leaf == nullptr || X509_STORE_load_file(store.get(), config.client_ca.c_str()) != 1 ||
      X509_STORE_load_file(store.get(), config.crl.c_str()) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), others.get()) != 1) {
    return absl::UnavailableError(StrCat("cannot read ", config.crl, " or ", config.client_ca));
  }
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_CRL_CHECK);
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  return absl::UnauthenticatedError(
      X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

// On a thread that has nothing of ours while it waits for the disk.
Status CheckRevocationApart(const TlsConfig& config, grpc::string_ref certificate,
                            grpc::string_ref chain) {
  static const PatientAsker ask(/*most=*/64, std::chrono::seconds(2));
  return ask([config, leaf = std::string(certificate.data(), certificate.size()),
              rest = std::string(chain.data(),
                                 chain.size())] { return CheckRevocation(config, leaf, rest); },
             absl::UnavailableError(StrCat("the disk with ", config.crl, " does not answer")));
}

// What gRPC asks once the handshake is done and the chain is verified.
class ClientVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit ClientVerifier(TlsConfig config) : config_(std::move(config)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>, grpc::Status* sync_status) override {
    std::vector<std::string> names;
    const auto add = [&](std::string_view type, const std::vector<grpc::string_ref>& values) {
      for (const grpc::string_ref& value : values)
        names.push_back(StrCat(type, ":", std::string_view(value.data(), value.size())));
    };
    add("uri", request->uri_names());
    add("dns", request->dns_names());
    add("email", request->email_names());
    add("ip", request->ip_names());
    // On the side of the server the chain does not begin with the certificate itself.
    const Status status = Check(names, request->peer_cert(), request->peer_cert_full_chain());
    *sync_status =
        grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  Status Check(const std::vector<std::string>& names, grpc::string_ref certificate,
               grpc::string_ref chain) const {
    if (names.empty()) {
      return absl::UnauthenticatedError(
          "the certificate has no subject alternative name, so nobody can say who this is");
    }
    if (!config_.allow.empty() && !AnyMatches(config_.allow, names))
      return absl::PermissionDeniedError(StrCat(names.front(), " is not in tcp.allow"));
    return config_.crl.empty() ? absl::OkStatus()
                               : CheckRevocationApart(config_, certificate, chain);
  }

  const TlsConfig config_;
};

// Its thread reads the files every second, and has the descriptors of the one that makes it: here
// nothing of ours, for it may wait for the disk.
StatusOr<std::shared_ptr<FileWatcherCertificateProvider>> WatchFiles(const TlsConfig& config) {
  grpc_init();  // what gRPC opens at its start is for all of its threads
  std::shared_ptr<FileWatcherCertificateProvider> watcher;
  StatusOr<std::thread> maker = StartThread([&] {
    KeepStandardDescriptors().IgnoreError();
    watcher = std::make_shared<FileWatcherCertificateProvider>(config.key, config.certificate,
                                                               config.client_ca, kRefreshSeconds);
  });
  if (maker.ok()) maker->join();
  grpc_shutdown();
  RETURN_IF_ERROR(Annotate(maker.status(), "watch the files of tcp"));
  return watcher;
}

}  // namespace

StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const TlsConfig& config) {
  RETURN_IF_ERROR(CheckFiles(config));
  ASSIGN_OR_RETURN(auto files, WatchFiles(config));
  grpc::experimental::TlsServerCredentialsOptions options(std::move(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<ClientVerifier>(config));
  return grpc::experimental::TlsServerCredentials(options);
}

void AllowTls13Only() {
  // A server without a pre-shared key has no cipher suite for TLS 1.2 then. Those of 1.3 are set
  // apart.
  setenv("GRPC_SSL_CIPHER_SUITES", "PSK", /*overwrite=*/1);
}

}  // namespace faultd

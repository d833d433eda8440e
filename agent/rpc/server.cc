#include "rpc/server.h"

#include <fcntl.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_posix.h>

#include <chrono>

namespace faultd {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// What one client can take from the others is bounded.
void SetLimits(grpc::ServerBuilder& builder) {
  constexpr int kLargestRequest = 8 << 20;  // 20,000 endpoints are about 1 MB
  constexpr int kLargestMetadata = 16 << 10;
  constexpr int kStreams = 100;         // of one connection, at the same time
  constexpr size_t kMemory = 64 << 20;  // for all connections
  // A held fault must end when its holder's host is cut off without a word.
  constexpr milliseconds kPingAfter{10'000};
  constexpr milliseconds kPingTimeout{5'000};
  constexpr milliseconds kPingsApart{5'000};  // those of clients
  builder.SetMaxReceiveMessageSize(kLargestRequest);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kLargestMetadata);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreams);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(kPingAfter.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(kPingTimeout.count()));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             static_cast<int>(kPingsApart.count()));
  builder.AddChannelArgument(
      GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
      static_cast<int>(duration_cast<milliseconds>(RpcServer::kHandshakeTimeout).count()));
  builder.SetResourceQuota(grpc::ResourceQuota("faultd").Resize(kMemory));
}

}  // namespace

StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(const std::vector<grpc::Service*>& services,
                                                      Peers& peers,
                                                      const std::optional<TlsConfig>& tls) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::unique_ptr<RpcServer> server(new RpcServer(peers));
  grpc::ServerBuilder builder;
  SetLimits(builder);
  for (grpc::Service* service : services) builder.RegisterService(service);
  if (tls) {
    ASSIGN_OR_RETURN(auto credentials, MakeServerCredentials(*tls));
    server->acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        std::move(credentials));
  }
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) return absl::InternalError("gRPC does not start a server");
  return server;
}

RpcServer::~RpcServer() { Shutdown(); }

void RpcServer::ServeUnix(UniqueFd connection, std::string_view user) {
  connection = Renumber(std::move(connection));
  peers_.NoteUnixPeer(connection.get(), user);
  grpc::AddInsecureChannelFromFd(server_.get(), connection.Release());
}

// gRPC knows a call's connection by the number of its descriptor only. A call that is still under
// way when its connection is closed must not be taken for one of the next connection with that
// number.
UniqueFd RpcServer::Renumber(UniqueFd connection) {
  constexpr int kFirst = 4096;
  constexpr int kLast = 20'000;
  if (next_fd_ < kFirst || next_fd_ > kLast) next_fd_ = kFirst;
  UniqueFd other(fcntl(connection.get(), F_DUPFD_CLOEXEC, next_fd_));
  if (!other.valid()) return connection;  // the limit of descriptors is that low
  next_fd_ = other.get() + 1;
  return other;
}

void RpcServer::ServeTls(UniqueFd connection) {
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
  parameters.fd = connection.Release();
  acceptor_->HandleNewConnection(&parameters);
}

void RpcServer::Shutdown() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  server_.reset();
}

}  // namespace faultd

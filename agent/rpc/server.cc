#include "rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>

#include <chrono>

namespace faultd {

RpcServer::RpcServer(const std::vector<grpc::Service*>& services, Peers& peers) : peers_(peers) {
  constexpr int kLargestRequest = 8 << 20;  // 20,000 endpoints are about 1 MB
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kLargestRequest);
  for (grpc::Service* service : services) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
}

RpcServer::~RpcServer() { Shutdown(); }

void RpcServer::Serve(UniqueFd connection) {
  peers_.NoteUnixPeer(connection.get());
  grpc::AddInsecureChannelFromFd(server_.get(), connection.Release());
}

void RpcServer::Shutdown() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  server_.reset();
}

}  // namespace faultd

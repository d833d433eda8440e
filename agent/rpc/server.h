#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "rpc/peers.h"
#include "rpc/tls.h"

namespace faultd {

// The gRPC server, with the standard health service and reflection. It listens nowhere by itself:
// connections are handed to it.
class RpcServer {
 public:
  // Without `tls` there are connections over unix sockets only.
  static StatusOr<std::unique_ptr<RpcServer>> Start(const std::vector<grpc::Service*>& services,
                                                    Peers& peers,
                                                    const std::optional<TlsConfig>& tls);
  ~RpcServer();

  // Takes a connected, non-blocking unix socket, and the name of the user at its other end.
  void ServeUnix(UniqueFd connection, std::string_view user);
  // Takes a connected, non-blocking TCP socket, whose client has kHandshakeTimeout to prove who it
  // is.
  void ServeTls(UniqueFd connection);

  // Ends all calls; streams are cancelled. Blocks for a moment: not on the loop, which the calls
  // need.
  void Shutdown();

  static constexpr std::chrono::seconds kHandshakeTimeout{5};

 private:
  explicit RpcServer(Peers& peers) : peers_(peers) {}
  UniqueFd Renumber(UniqueFd connection);

  Peers& peers_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  int next_fd_ = 0;
};

}  // namespace faultd

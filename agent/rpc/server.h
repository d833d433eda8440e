#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "rpc/peers.h"

namespace faultd {

// The gRPC server, with the standard health service and reflection. It listens nowhere by itself:
// connections are handed to it.
class RpcServer {
 public:
  RpcServer(const std::vector<grpc::Service*>& services, Peers& peers);
  ~RpcServer();

  // Takes a connected, non-blocking unix socket.
  void Serve(UniqueFd connection);

  // Ends all calls; streams are cancelled. Blocks for a moment: not on the loop, which the calls
  // need.
  void Shutdown();

 private:
  Peers& peers_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace faultd

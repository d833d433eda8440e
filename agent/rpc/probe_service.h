#pragma once

#include "engine/loop.h"
#include "faultd/v1/probe_service.grpc.pb.h"
#include "probe/probes.h"
#include "rpc/access.h"

namespace faultd {

// ProbeService over the probes. gRPC's threads only translate and post to the loop.
class ProbeService final : public v1::ProbeService::CallbackService {
 public:
  ProbeService(Probes& probes, Loop& loop, const Access& access)
      : probes_(probes), loop_(loop), access_(access) {}

  grpc::ServerUnaryReactor* ListProbes(grpc::CallbackServerContext* context,
                                       const v1::ListProbesRequest* request,
                                       v1::ListProbesResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchProbesResponse>* WatchProbes(
      grpc::CallbackServerContext* context, const v1::WatchProbesRequest* request) override;

 private:
  Probes& probes_;
  Loop& loop_;
  const Access& access_;
};

}  // namespace faultd

#pragma once

#include <string>

#include "engine/engine.h"
#include "faultd/v1/fault_service.grpc.pb.h"
#include "rpc/access.h"

namespace faultd {

// FaultService over the engine. gRPC's threads only translate and post to the loop.
class FaultService final : public v1::FaultService::CallbackService {
 public:
  FaultService(Engine& engine, Loop& loop, const Clock& clock, const Access& access)
      : engine_(engine), loop_(loop), clock_(clock), access_(access) {}

  grpc::ServerUnaryReactor* InjectFault(grpc::CallbackServerContext* context,
                                        const v1::InjectFaultRequest* request,
                                        v1::InjectFaultResponse* response) override;
  grpc::ServerUnaryReactor* PlanFault(grpc::CallbackServerContext* context,
                                      const v1::PlanFaultRequest* request,
                                      v1::PlanFaultResponse* response) override;
  grpc::ServerUnaryReactor* GetFault(grpc::CallbackServerContext* context,
                                     const v1::GetFaultRequest* request,
                                     v1::GetFaultResponse* response) override;
  grpc::ServerUnaryReactor* ListFaults(grpc::CallbackServerContext* context,
                                       const v1::ListFaultsRequest* request,
                                       v1::ListFaultsResponse* response) override;
  grpc::ServerUnaryReactor* RenewLease(grpc::CallbackServerContext* context,
                                       const v1::RenewLeaseRequest* request,
                                       v1::RenewLeaseResponse* response) override;
  grpc::ServerUnaryReactor* RevertFault(grpc::CallbackServerContext* context,
                                        const v1::RevertFaultRequest* request,
                                        v1::RevertFaultResponse* response) override;
  grpc::ServerUnaryReactor* RevertAll(grpc::CallbackServerContext* context,
                                      const v1::RevertAllRequest* request,
                                      v1::RevertAllResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchFaultsResponse>* WatchFaults(
      grpc::CallbackServerContext* context, const v1::WatchFaultsRequest* request) override;
  grpc::ServerBidiReactor<v1::HoldFaultRequest, v1::HoldFaultResponse>* HoldFault(
      grpc::CallbackServerContext* context) override;

 private:
  // Whether the fault may be renewed; NOT_FOUND when there is none.
  Status MayChange(const Caller& caller, const std::string& id);
  Status MayRevert(const Caller& caller, const std::string& id);

  Engine& engine_;
  Loop& loop_;
  const Clock& clock_;
  const Access& access_;
};

}  // namespace faultd

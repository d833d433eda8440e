#include "rpc/fault_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "rpc/call.h"
#include "rpc/hold_stream.h"
#include "rpc/watch_stream.h"

namespace faultd {
namespace {

// One page of a list; the token is the number of its last fault, so that faults that come and go
// between two pages neither repeat nor hide others.
Status FillPage(Engine& engine, const v1::ListFaultsRequest& request,
                v1::ListFaultsResponse& response) {
  constexpr int kDefaultPage = 100;
  constexpr int kLargestPage = 1000;
  if (request.page_size() < 0 || request.page_size() > kLargestPage) {
    return FieldError("page_size", StrCat(request.page_size(), " is out of range; write 1 to ",
                                          kLargestPage, ", or 0 for ", kDefaultPage));
  }
  uint64_t after = 0;
  if (!request.page_token().empty() && !absl::SimpleAtoi(request.page_token(), &after)) {
    return FieldError("page_token",
                      StrCat("\"", request.page_token(),
                             "\" is not a token; pass next_page_token of the answer before"));
  }
  const auto limit =
      static_cast<size_t>(request.page_size() == 0 ? kDefaultPage : request.page_size());
  for (v1::Fault& fault : engine.ListPage(request.include_ended(), limit, after)) {
    *response.add_faults() = std::move(fault);
  }
  if (after != 0) response.set_next_page_token(StrCat(after));
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* FaultService::InjectFault(grpc::CallbackServerContext* context,
                                                    const v1::InjectFaultRequest* request,
                                                    v1::InjectFaultResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    // A client that chose the id can ask later; one that did not would never learn of the fault.
    const bool orphan_if_abandoned = request->id().empty();
    if (call->abandoned() && orphan_if_abandoned)
      return call->Answer(absl::CancelledError("the client went away"));
    const std::string id =
        engine_.Inject(*request, call->caller(), [=, this](StatusOr<v1::Fault> fault) {
          if (fault.ok() && call->abandoned() && orphan_if_abandoned) {
            engine_.Revert(fault->id(), v1::END_REASON_CLIENT_GONE, [](StatusOr<v1::Fault>) {});
          }
          call->AnswerWith(std::move(fault), response->mutable_fault());
        });
    if (orphan_if_abandoned) {
      call->OnAbandoned([=, this] {
        engine_.Revert(id, v1::END_REASON_CLIENT_GONE, [](StatusOr<v1::Fault>) {});
      });
    }
  });
}

grpc::ServerUnaryReactor* FaultService::PlanFault(grpc::CallbackServerContext* context,
                                                  const v1::PlanFaultRequest* request,
                                                  v1::PlanFaultResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    engine_.Plan(*request, [=](StatusOr<v1::PlanFaultResponse> plan) {
      call->AnswerWith(std::move(plan), response);
    });
  });
}

grpc::ServerUnaryReactor* FaultService::GetFault(grpc::CallbackServerContext* context,
                                                 const v1::GetFaultRequest* request,
                                                 v1::GetFaultResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    call->AnswerWith(engine_.Get(request->id()), response->mutable_fault());
  });
}

grpc::ServerUnaryReactor* FaultService::ListFaults(grpc::CallbackServerContext* context,
                                                   const v1::ListFaultsRequest* request,
                                                   v1::ListFaultsResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    call->Answer(FillPage(engine_, *request, *response));
  });
}

grpc::ServerUnaryReactor* FaultService::RenewLease(grpc::CallbackServerContext* context,
                                                   const v1::RenewLeaseRequest* request,
                                                   v1::RenewLeaseResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    spdlog::info("fault {}: renewal asked for by {}", request->id(), call->caller().actor);
    if (Status allowed = MayChange(call->caller(), request->id()); !allowed.ok())
      return call->Answer(allowed);
    engine_.Renew(*request, [=](StatusOr<v1::Fault> fault) {
      call->AnswerWith(std::move(fault), response->mutable_fault());
    });
  });
}

grpc::ServerUnaryReactor* FaultService::RevertFault(grpc::CallbackServerContext* context,
                                                    const v1::RevertFaultRequest* request,
                                                    v1::RevertFaultResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    spdlog::info("fault {}: revert asked for by {}", request->id(), call->caller().actor);
    if (Status allowed = MayRevert(call->caller(), request->id()); !allowed.ok())
      return call->Answer(allowed);
    engine_.Revert(request->id(), v1::END_REASON_REQUESTED, [=](StatusOr<v1::Fault> fault) {
      call->AnswerWith(std::move(fault), response->mutable_fault());
    });
  });
}

grpc::ServerUnaryReactor* FaultService::RevertAll(grpc::CallbackServerContext* context,
                                                  const v1::RevertAllRequest* request,
                                                  v1::RevertAllResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    spdlog::info("revert of all faults asked for by {}", call->caller().actor);
    // They belong to nobody in particular.
    if (Status allowed = access_.MayRevert(call->caller(), ""); !allowed.ok())
      return call->Answer(allowed);
    engine_.RevertAll(v1::END_REASON_REQUESTED, [=](std::vector<v1::Fault> faults) {
      response->mutable_faults()->Assign(faults.begin(), faults.end());
      call->Answer(absl::OkStatus());
    });
  });
}

Status FaultService::MayChange(const Caller& caller, const std::string& id) {
  ASSIGN_OR_RETURN(const std::string owner, engine_.OwnerOf(id));
  return access_.MayChange(caller, owner);
}

Status FaultService::MayRevert(const Caller& caller, const std::string& id) {
  ASSIGN_OR_RETURN(const std::string owner, engine_.OwnerOf(id));
  return access_.MayRevert(caller, owner);
}

grpc::ServerWriteReactor<v1::WatchFaultsResponse>* FaultService::WatchFaults(
    grpc::CallbackServerContext* context, const v1::WatchFaultsRequest* request) {
  auto caller = access_.AuthoriseStream(*context, *request);
  if (!caller.ok())
    return new RefusedCall<grpc::ServerWriteReactor<v1::WatchFaultsResponse>>(caller.status());
  return WatchStream::Start(engine_, loop_, clock_, std::move(caller->place), *request);
}

grpc::ServerBidiReactor<v1::HoldFaultRequest, v1::HoldFaultResponse>* FaultService::HoldFault(
    grpc::CallbackServerContext* context) {
  StatusOr<StreamCaller> caller =
      access_.AuthoriseStream(*context, v1::HoldFaultRequest::default_instance());
  if (!caller.ok()) {
    access_.Audit(*context, v1::HoldFaultRequest::default_instance()).Answered(caller.status());
    return new RefusedCall<grpc::ServerBidiReactor<v1::HoldFaultRequest, v1::HoldFaultResponse>>(
        caller.status());
  }
  // Over the unix socket a lost stream means a dead client; over TCP it may be the network.
  constexpr std::chrono::seconds kTcpGrace{5};
  const bool local = context->peer().starts_with("fd:");
  return HoldStream::Start(engine_, loop_, clock_, access_, *std::move(caller),
                           local ? std::chrono::nanoseconds(0) : kTcpGrace, context);
}

}  // namespace faultd

#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "engine/engine.h"
#include "faultd/v1/fault_service.pb.h"
#include "rpc/access.h"
#include "rpc/stream.h"

namespace faultd {

// One HoldFault call: the fault lives as long as the stream, plus the grace. Everything but gRPC's
// callbacks happens on the loop.
class HoldStream final
    : public grpc::ServerBidiReactor<v1::HoldFaultRequest, v1::HoldFaultResponse>,
      public std::enable_shared_from_this<HoldStream> {
 public:
  // Returns the reactor for gRPC; it keeps itself until the call is done.
  static HoldStream* Start(Engine& engine, Loop& loop, const Clock& clock, const Access& access,
                           StreamCaller caller, std::chrono::nanoseconds default_grace,
                           grpc::CallbackServerContext* context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  static constexpr std::chrono::minutes kLongestGrace{10};

 private:
  HoldStream(Engine& engine, Loop& loop, const Clock& clock, const Access& access,
             StreamCaller caller, std::chrono::nanoseconds grace,
             grpc::CallbackServerContext* context)
      : engine_(engine),
        loop_(loop),
        clock_(clock),
        access_(access),
        caller_(std::move(caller.caller)),
        place_(std::move(caller.place)),
        context_(context),
        grace_(grace),
        writer_(*this) {}
  void Received(const AuditedRequest& audited);
  void Begin();
  void HoldOther(const std::string& id);
  void Hold(const std::string& id);
  void HalfClosed();
  void Gone();
  void Push(const v1::Fault& fault);
  void End(const v1::Fault& fault);
  void Stop(const Status& status);
  void SendEffect();
  Status TakeGrace();

  Engine& engine_;
  Loop& loop_;
  const Clock& clock_;
  const Access& access_;
  const Caller caller_;
  const StreamPlace place_;
  grpc::CallbackServerContext* const context_;
  std::chrono::nanoseconds grace_;
  std::chrono::nanoseconds effect_interval_{0};
  v1::HoldFaultRequest request_;
  StreamWriter<HoldStream, v1::HoldFaultResponse> writer_;
  std::string id_;          // of the fault, once it is known
  bool arrived_ = false;    // of gRPC's threads: the first request
  AuditedRequest audited_;  // the first request
  bool audited_end_ = false;
  bool begun_ = false;
  bool injecting_ = false;
  bool holding_ = false;
  bool held_ = false;  // it was holding
  bool asked_to_end_ = false;
  bool gone_ = false;
  Engine::WatchId watch_ = 0;
  Loop::TimerId timer_ = Loop::kNoTimer;
  std::shared_ptr<HoldStream> self_;  // until gRPC is done with it
};

}  // namespace faultd

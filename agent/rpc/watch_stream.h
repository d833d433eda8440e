#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>

#include "engine/engine.h"
#include "faultd/v1/fault_service.pb.h"
#include "rpc/stream.h"
#include "rpc/stream_places.h"

namespace faultd {

// One WatchFaults call. Everything but gRPC's callbacks happens on the loop.
class WatchStream final : public grpc::ServerWriteReactor<v1::WatchFaultsResponse>,
                          public std::enable_shared_from_this<WatchStream> {
 public:
  // Returns the reactor for gRPC; it keeps itself until the call is done.
  static WatchStream* Start(Engine& engine, Loop& loop, const Clock& clock, StreamPlace place,
                            const v1::WatchFaultsRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  WatchStream(Engine& engine, Loop& loop, const Clock& clock, StreamPlace place,
              v1::WatchFaultsRequest request)
      : engine_(engine),
        loop_(loop),
        clock_(clock),
        place_(std::move(place)),
        request_(std::move(request)),
        writer_(*this) {}
  void Open();
  void Push(const v1::Fault& fault);
  void Stop(const Status& status);
  void SendEffects();

  Engine& engine_;
  Loop& loop_;
  const Clock& clock_;
  const StreamPlace place_;
  const v1::WatchFaultsRequest request_;
  StreamWriter<WatchStream, v1::WatchFaultsResponse> writer_;
  Engine::WatchId watch_ = 0;
  Loop::TimerId timer_ = Loop::kNoTimer;
  std::shared_ptr<WatchStream> self_;  // until gRPC is done with it
};

// FieldError unless absent or within 1 s to 1 h.
Status ValidateEffectInterval(bool present, const google::protobuf::Duration& interval);

}  // namespace faultd

#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>

#include "engine/loop.h"
#include "faultd/v1/probe_service.pb.h"
#include "probe/probes.h"
#include "rpc/stream.h"
#include "rpc/stream_places.h"

namespace faultd {

// One WatchProbes call. Everything but gRPC's callbacks happens on the loop.
class ProbeStream final : public grpc::ServerWriteReactor<v1::WatchProbesResponse>,
                          public std::enable_shared_from_this<ProbeStream> {
 public:
  // Returns the reactor for gRPC; it keeps itself until the call is done.
  static ProbeStream* Start(Probes& probes, Loop& loop, StreamPlace place,
                            const v1::WatchProbesRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  ProbeStream(Probes& probes, Loop& loop, StreamPlace place, v1::WatchProbesRequest request)
      : probes_(probes),
        loop_(loop),
        place_(std::move(place)),
        request_(std::move(request)),
        writer_(*this) {}
  void Open();
  void SendNext();
  void Stop(const Status& status);

  Probes& probes_;
  Loop& loop_;
  const StreamPlace place_;
  const v1::WatchProbesRequest request_;
  StreamWriter<ProbeStream, v1::WatchProbesResponse> writer_;
  Probes::WatchId watch_ = 0;
  // The snapshot: positions [next_, end_) are still to be sent, then that it is done.
  size_t next_ = 0;
  size_t end_ = 0;
  bool snapshot_done_ = false;
  std::shared_ptr<ProbeStream> self_;  // until gRPC is done with it
};

}  // namespace faultd

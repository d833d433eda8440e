#include "rpc/watch_stream.h"

#include <utility>

#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"

namespace faultd {

Status ValidateEffectInterval(bool present, const google::protobuf::Duration& interval) {
  if (!present) return absl::OkStatus();
  const auto time = FromProto(interval);
  if (time >= std::chrono::seconds(1) && time <= std::chrono::hours(1)) return absl::OkStatus();
  return FieldError("effect_interval",
                    StrCat(FormatDuration(time), " is out of range; write 1s to 1h"));
}

WatchStream* WatchStream::Start(Engine& engine, Loop& loop, const Clock& clock, StreamPlace place,
                                const v1::WatchFaultsRequest& request) {
  std::shared_ptr<WatchStream> stream(
      new WatchStream(engine, loop, clock, std::move(place), request));
  stream->self_ = stream;
  loop.Post([stream] { stream->Open(); });
  return stream.get();
}

void WatchStream::Open() {
  if (writer_.closing()) return;
  if (Status valid =
          ValidateEffectInterval(request_.has_effect_interval(), request_.effect_interval());
      !valid.ok()) {
    return Stop(valid);
  }
  if (!request_.id().empty()) {
    StatusOr<v1::Fault> fault = engine_.Get(request_.id());
    if (!fault.ok()) return Stop(fault.status());
    Push(*fault);
  } else {
    for (const v1::Fault& fault : engine_.List(/*include_ended=*/false)) Push(fault);
  }
  if (writer_.closing()) return;  // the one fault to watch is over
  v1::WatchFaultsResponse done;
  done.set_snapshot_done(true);
  writer_.Push(std::move(done));
  watch_ = engine_.Watch([this](const v1::Fault& fault) {
    if (request_.id().empty() || fault.id() == request_.id()) Push(fault);
  });
  if (request_.has_effect_interval()) SendEffects();
}

void WatchStream::Push(const v1::Fault& fault) {
  v1::WatchFaultsResponse response;
  *response.mutable_fault() = fault;
  writer_.Push(std::move(response));
  if (!request_.id().empty() && IsOver(fault.state())) {
    // Not from within the engine's notification, which goes through its list of watches.
    loop_.Post([self = shared_from_this()] { self->Stop(absl::OkStatus()); });
  }
}

void WatchStream::SendEffects() {
  timer_ = loop_.At(clock_.Now() + FromProto(request_.effect_interval()),
                    [this, self = shared_from_this()] { SendEffects(); });
  for (const v1::Fault& fault : engine_.List(false)) {
    if (fault.state() != v1::FAULT_STATE_ACTIVE ||
        (!request_.id().empty() && fault.id() != request_.id()))
      continue;
    if (StatusOr<v1::Fault> now = engine_.Get(fault.id());
        now.ok() && now->state() == v1::FAULT_STATE_ACTIVE) {
      Push(*now);
    }
  }
}

void WatchStream::Stop(const Status& status) {
  engine_.Unwatch(std::exchange(watch_, 0));
  loop_.Cancel(std::exchange(timer_, Loop::kNoTimer));
  writer_.Close(status);
}

void WatchStream::OnWriteDone(bool ok) {
  loop_.Post([self = shared_from_this(), ok] {
    if (!ok) self->Stop(absl::CancelledError("the client went away"));
    self->writer_.Written(ok);
  });
}

void WatchStream::OnCancel() {
  loop_.Post([self = shared_from_this()] {
    self->Stop(absl::CancelledError("the client went away"));
    self->writer_.Drop();
  });
}

void WatchStream::OnDone() {
  loop_.Post([self = std::move(self_)] { self->Stop(absl::OkStatus()); });
}

}  // namespace faultd

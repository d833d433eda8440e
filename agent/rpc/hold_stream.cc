#include "rpc/hold_stream.h"

#include <utility>

#include "base/proto_time.h"
#include "base/strings.h"
#include "base/units.h"
#include "rpc/watch_stream.h"
#include "rpc/well_formed.h"

namespace faultd {

HoldStream* HoldStream::Start(Engine& engine, Loop& loop, const Clock& clock, const Access& access,
                              StreamCaller caller, std::chrono::nanoseconds default_grace,
                              grpc::CallbackServerContext* context) {
  std::shared_ptr<HoldStream> stream(
      new HoldStream(engine, loop, clock, access, std::move(caller), default_grace, context));
  stream->self_ = stream;
  stream->StartRead(&stream->request_);
  return stream.get();
}

void HoldStream::OnReadDone(bool ok) {
  AuditedRequest audited;
  if (ok && !std::exchange(arrived_, true)) audited = access_.Audit(*context_, request_);
  loop_.Post([self = shared_from_this(), ok, audited = std::move(audited)] {
    if (ok) {
      self->Received(audited);
    } else {
      self->HalfClosed();
    }
  });
}

void HoldStream::Received(const AuditedRequest& audited) {
  if (writer_.closing()) return;
  if (!begun_) audited_ = audited;
  Status valid = CheckWellFormed(request_);
  if (valid.ok()) valid = TakeGrace();
  if (valid.ok() && begun_ && request_.fault_case() != v1::HoldFaultRequest::FAULT_NOT_SET) {
    valid =
        FieldError("fault", "is set again; only the first request of a stream says which fault");
  }
  if (!valid.ok()) {
    // A stream that says nonsense ends, and its fault with it; what it is told is why, not that.
    Stop(valid);
    return Gone();
  }
  if (!std::exchange(begun_, true)) Begin();
  if (!writer_.closing()) StartRead(&request_);
}

Status HoldStream::TakeGrace() {
  RETURN_IF_ERROR(
      ValidateEffectInterval(request_.has_effect_interval(), request_.effect_interval()));
  if (request_.has_effect_interval()) effect_interval_ = FromProto(request_.effect_interval());
  if (!request_.has_grace()) return absl::OkStatus();
  const auto grace = FromProto(request_.grace());
  if (grace.count() < 0 || grace > kLongestGrace) {
    return FieldError("grace", StrCat(FormatDuration(grace), " is out of range; write 0s to 10m"));
  }
  grace_ = grace;
  return absl::OkStatus();
}

void HoldStream::Begin() {
  switch (request_.fault_case()) {
    case v1::HoldFaultRequest::FAULT_NOT_SET:
      return Stop(FieldError(
          "fault", "is missing; the first request says which fault to inject or to hold"));
    case v1::HoldFaultRequest::kId:
      return HoldOther(request_.id());
    case v1::HoldFaultRequest::kInject:
      break;
  }
  injecting_ = true;
  const std::string id = engine_.Inject(request_.inject(), caller_,
                                        [self = shared_from_this()](StatusOr<v1::Fault> fault) {
                                          self->injecting_ = false;
                                          if (!fault.ok()) return self->Stop(fault.status());
                                          self->Hold(fault->id());
                                        });
  if (id_.empty()) id_ = id;
}

void HoldStream::HoldOther(const std::string& id) {
  StatusOr<std::string> owner = engine_.OwnerOf(id);
  if (!owner.ok()) return Stop(owner.status());
  if (Status allowed = access_.MayChange(caller_, *owner); !allowed.ok()) return Stop(allowed);
  Hold(id);
}

void HoldStream::Hold(const std::string& id) {
  id_ = id;
  if (Status held = engine_.Hold(id, caller_.actor); !held.ok()) return Stop(held);
  holding_ = true;
  held_ = true;
  audited_.SetFault(id);
  audited_.Answered(absl::OkStatus());
  StatusOr<v1::Fault> fault = engine_.Get(id);
  if (!fault.ok()) return Stop(fault.status());
  Push(*fault);
  watch_ = engine_.Watch([this](const v1::Fault& changed) {
    if (changed.id() == id_) Push(changed);
  });
  if (effect_interval_.count() > 0) {
    timer_ = loop_.At(clock_.Now() + effect_interval_,
                      [self = shared_from_this()] { self->SendEffect(); });
  }
}

void HoldStream::SendEffect() {
  timer_ = loop_.At(clock_.Now() + effect_interval_,
                    [self = shared_from_this()] { self->SendEffect(); });
  if (StatusOr<v1::Fault> fault = engine_.Get(id_);
      fault.ok() && fault->state() == v1::FAULT_STATE_ACTIVE) {
    Push(*fault);
  }
}

void HoldStream::Push(const v1::Fault& fault) {
  v1::HoldFaultResponse response;
  *response.mutable_fault() = fault;
  writer_.Push(std::move(response));
  if (IsOver(fault.state())) {
    // Not from within the engine's notification, which goes through its list of watches.
    loop_.Post([self = shared_from_this(), fault] { self->End(fault); });
  }
}

void HoldStream::End(const v1::Fault& fault) {
  const bool as_wished = fault.state() == v1::FAULT_STATE_REVERTED &&
                         (asked_to_end_ || fault.end_reason() == v1::END_REASON_LEASE_ENDED);
  Stop(as_wished
           ? absl::OkStatus()
           : absl::AbortedError(StrCat("fault ", fault.id(), " ended early: ",
                                       fault.has_error() ? fault.error().message()
                                                         : EndReason_Name(fault.end_reason()))));
}

// A client that ends its side asks for the fault to end. A broken connection looks the same at
// first, and is told from it by the cancellation that comes with it.
void HoldStream::HalfClosed() {
  constexpr std::chrono::milliseconds kCancellationComes{20};
  if (gone_ || writer_.closing()) return;
  if (!holding_) return Gone();
  loop_.At(clock_.Now() + kCancellationComes, [self = shared_from_this()] {
    if (self->gone_ || self->writer_.closing() || self->context_->IsCancelled()) return;
    self->asked_to_end_ = true;
    self->engine_.Revert(self->id_, v1::END_REASON_REQUESTED, [](StatusOr<v1::Fault>) {});
  });
}

void HoldStream::Gone() {
  if (std::exchange(gone_, true)) return;
  if (std::exchange(holding_, false)) {
    engine_.Release(id_, grace_);
  } else if (injecting_) {
    engine_.Revert(id_, v1::END_REASON_HOLDER_GONE, [](StatusOr<v1::Fault>) {});
  }
}

void HoldStream::Stop(const Status& status) {
  if (!std::exchange(audited_end_, true)) {
    if (!id_.empty()) audited_.SetFault(id_);
    held_ ? audited_.Ended(status) : audited_.Answered(status);
  }
  engine_.Unwatch(std::exchange(watch_, 0));
  loop_.Cancel(std::exchange(timer_, Loop::kNoTimer));
  writer_.Close(status);
}

void HoldStream::OnWriteDone(bool ok) {
  loop_.Post([self = shared_from_this(), ok] { self->writer_.Written(ok); });
}

void HoldStream::OnCancel() {
  loop_.Post([self = shared_from_this()] {
    self->Gone();
    self->Stop(absl::CancelledError("the client went away"));
    self->writer_.Drop();
  });
}

void HoldStream::OnDone() {
  loop_.Post([self = std::move(self_)] {
    self->Gone();
    self->Stop(absl::OkStatus());
  });
}

}  // namespace faultd

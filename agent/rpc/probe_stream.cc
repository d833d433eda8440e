#include "rpc/probe_stream.h"

#include <utility>

#include "rpc/probe_messages.h"
#include "rpc/well_formed.h"

namespace faultd {

ProbeStream* ProbeStream::Start(Probes& probes, Loop& loop, StreamPlace place,
                                const v1::WatchProbesRequest& request) {
  std::shared_ptr<ProbeStream> stream(new ProbeStream(probes, loop, std::move(place), request));
  stream->self_ = stream;
  loop.Post([stream] { stream->Open(); });
  return stream.get();
}

void ProbeStream::Open() {
  if (writer_.closing()) return;
  if (Status known = CheckWellFormed(request_); !known.ok()) return Stop(known);
  end_ = probes_.all().size();
  if (!request_.name().empty()) {
    const ProbeHistory* one = probes_.Find(request_.name());
    if (one == nullptr) {
      return Stop(absl::NotFoundError(StrCat("there is no probe ", request_.name(),
                                             "; faultctl probes lists those there are")));
    }
    next_ = one->position;
    end_ = next_ + 1;
  }
  watch_ = probes_.Watch([this, first = next_](const ProbeHistory& history) {
    // What is not sent yet comes with its results.
    if (history.position < first || history.position >= next_) return;
    v1::WatchProbesResponse response;
    *response.mutable_result() = DescribeLastResult(history);
    writer_.Push(std::move(response));
  });
  SendNext();
}

// One probe of the snapshot after the other, as fast as the client reads: all at once could be more
// than may wait for it, and would keep the loop from other work.
void ProbeStream::SendNext() {
  if (snapshot_done_ || writer_.closing()) return;
  v1::WatchProbesResponse response;
  if (next_ < end_) {
    *response.mutable_probe() = DescribeProbe(*probes_.all()[next_++]);
  } else {
    snapshot_done_ = true;
    response.set_snapshot_done(true);
  }
  writer_.Push(std::move(response));
}

void ProbeStream::Stop(const Status& status) {
  probes_.Unwatch(std::exchange(watch_, 0));
  writer_.Close(status);
}

void ProbeStream::OnWriteDone(bool ok) {
  loop_.Post([self = shared_from_this(), ok] {
    if (!ok) self->Stop(absl::CancelledError("the client went away"));
    self->SendNext();
    self->writer_.Written(ok);
  });
}

void ProbeStream::OnCancel() {
  loop_.Post([self = shared_from_this()] {
    self->Stop(absl::CancelledError("the client went away"));
    self->writer_.Drop();
  });
}

void ProbeStream::OnDone() {
  loop_.Post([self = std::move(self_)] { self->Stop(absl::OkStatus()); });
}

}  // namespace faultd

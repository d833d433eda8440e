#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "engine/loop.h"
#include "rpc/status.h"

namespace faultd {

// The writing half of a server stream, on the loop: queues messages, writes one at a time, finishes
// after the last. A client that does not read is cut off once kMaxQueued messages wait for it.
// Reactor is the gRPC reactor; it calls Written and lives until gRPC's OnDone.
template <typename Reactor, typename Response>
class StreamWriter {
 public:
  explicit StreamWriter(Reactor& reactor) : reactor_(reactor) {}

  void Push(Response response) {
    if (closing_) return;
    if (queue_.size() >= kMaxQueued) {
      queue_.clear();
      return Close(absl::ResourceExhaustedError("the client reads too slowly; watch again"));
    }
    queue_.push_back(std::move(response));
    Pump();
  }

  void Close(const Status& status) {
    if (closing_) return;
    closing_ = ToGrpcStatus(status);
    Pump();
  }

  // The client is gone: nothing more can be written.
  void Drop() {
    queue_.clear();
    Close(absl::CancelledError("the client went away"));
  }

  void Written(bool ok) {
    writing_ = false;
    if (!ok) queue_.clear();
    if (!ok && !closing_) closing_ = grpc::Status::CANCELLED;
    Pump();
  }

  bool closing() const { return closing_.has_value(); }

 private:
  static constexpr size_t kMaxQueued = 10'000;

  void Pump() {
    if (writing_ || finished_) return;
    if (!queue_.empty()) {
      current_ = std::move(queue_.front());
      queue_.pop_front();
      writing_ = true;
      reactor_.StartWrite(&current_);
    } else if (closing_) {
      finished_ = true;
      reactor_.Finish(*closing_);
    }
  }

  Reactor& reactor_;
  std::deque<Response> queue_;
  Response current_;
  bool writing_ = false;
  bool finished_ = false;
  std::optional<grpc::Status> closing_;
};

}  // namespace faultd

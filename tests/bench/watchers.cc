#include "bench/watchers.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <stdexcept>

namespace faultd::bench {
namespace {

// The daemon serves 100 streams of one connection.
constexpr int kOfAConnection = 50;
constexpr std::chrono::seconds kPatience{60};

bool IsOver(v1::FaultState state) {
  return state == v1::FAULT_STATE_REVERTED || state == v1::FAULT_STATE_FAILED;
}

}  // namespace

class Watchers::Stream : public grpc::ClientReadReactor<v1::WatchFaultsResponse> {
 public:
  Stream(Watchers& watchers, v1::FaultService::Stub& connection) : watchers_(watchers) {
    connection.async()->WatchFaults(&context_, &request_, this);
    StartRead(&event_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      const std::lock_guard lock(watchers_.mutex_);
      if (event_.snapshot_done()) ++watchers_.ready_;
      if (event_.has_fault() && IsOver(event_.fault().state()))
        watchers_.over_.insert(event_.fault().id());
      watchers_.changed_.notify_all();
    }
    StartRead(&event_);
  }

  void OnDone(const grpc::Status&) override {
    const std::lock_guard lock(watchers_.mutex_);
    ++watchers_.gone_;
    watchers_.changed_.notify_all();
  }

  void Cancel() { context_.TryCancel(); }

 private:
  Watchers& watchers_;
  grpc::ClientContext context_;
  v1::WatchFaultsRequest request_;
  v1::WatchFaultsResponse event_;
};

// By another constructor: so that the destructor ends the streams when this one throws.
Watchers::Watchers(const std::string& address, int count) : Watchers() {
  for (int i = 0; i < count; ++i) {
    if (i % kOfAConnection == 0) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      connections_.push_back(v1::FaultService::NewStub(
          grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)));
    }
    streams_.push_back(std::make_unique<Stream>(*this, *connections_.back()));
  }
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kPatience, [&] { return gone_ > 0 || ready_ == streams_.size(); }) ||
      gone_ > 0) {
    throw std::runtime_error("faultd does not let everybody watch");
  }
}

Watchers::~Watchers() {
  for (const auto& stream : streams_) stream->Cancel();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return gone_ == streams_.size(); });
}

void Watchers::WaitUntilOver(const std::string& id) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kPatience,
                         [&] { return gone_ > 0 || over_.count(id) == streams_.size(); }) ||
      gone_ > 0) {
    throw std::runtime_error("watchers were not told that fault " + id + " is over");
  }
  over_.erase(id);
}

}  // namespace faultd::bench

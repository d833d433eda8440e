#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "engine/loop.h"
#include "rpc/peers.h"
#include "rpc/status.h"
#include "rpc/unknown_fields.h"

// How a unary call gets from gRPC's threads to the loop and back: translate, post, answer.
namespace faultd {

// One call as code on the loop sees it.
class Call {
 public:
  Call(std::string actor, grpc::ServerUnaryReactor* reactor)
      : actor_(std::move(actor)), reactor_(reactor) {}

  const std::string& actor() const { return actor_; }
  // The client went away or its deadline passed; what is answered now reaches nobody.
  bool abandoned() const { return abandoned_; }
  // Called once if the call is abandoned: before it is answered, or after, when gRPC sees that the
  // answer did not get through.
  void OnAbandoned(std::function<void()> work) { on_abandoned_ = std::move(work); }

  // Exactly once; the response and request must not be used any more.
  void Answer(const Status& status) { reactor_->Finish(ToGrpcStatus(status)); }

  // Fills the response's message field or answers with the error:
  // call->AnswerWith(engine.Get(id), response->mutable_fault()).
  template <typename Message>
  void AnswerWith(StatusOr<Message> result, Message* field) {
    if (result.ok()) *field = *std::move(result);
    Answer(result.status());
  }

  void Abandon() {
    abandoned_ = true;
    if (auto work = std::exchange(on_abandoned_, nullptr)) work();
  }

 private:
  const std::string actor_;
  grpc::ServerUnaryReactor* reactor_;
  std::function<void()> on_abandoned_;
  bool abandoned_ = false;
};

class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  UnaryReactor(Loop& loop, std::string actor)
      : loop_(loop), call_(std::make_shared<Call>(std::move(actor), this)) {}
  const std::shared_ptr<Call>& call() const { return call_; }
  void OnCancel() override {
    loop_.Post([call = call_] { call->Abandon(); });
  }
  void OnDone() override { delete this; }

 private:
  Loop& loop_;
  std::shared_ptr<Call> call_;
};

// Runs `work(std::shared_ptr<Call>)` on the loop, unless the request has unknown fields.
template <typename Work>
grpc::ServerUnaryReactor* RunOnLoop(Loop& loop, const Peers& peers,
                                    grpc::CallbackServerContext* context,
                                    const google::protobuf::Message& request, Work work) {
  auto* reactor = new UnaryReactor(loop, peers.ActorOf(context->peer()));
  if (Status known = RefuseUnknownFields(request); !known.ok()) {
    reactor->Finish(ToGrpcStatus(known));
    return reactor;
  }
  loop.Post([call = reactor->call(), work = std::move(work)] { work(call); });
  return reactor;
}

}  // namespace faultd

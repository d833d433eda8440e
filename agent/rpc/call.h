#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "engine/loop.h"
#include "faultd/v1/fault.pb.h"
#include "rpc/access.h"
#include "rpc/status.h"
#include "rpc/well_formed.h"

// How a unary call gets from gRPC's threads to the loop and back: translate, post, answer.
namespace faultd {

// One call as code on the loop sees it.
class Call {
 public:
  Call(Caller caller, AuditedRequest audited, grpc::ServerUnaryReactor* reactor)
      : caller_(std::move(caller)), audited_(std::move(audited)), reactor_(reactor) {}

  const Caller& caller() const { return caller_; }
  // The client went away or its deadline passed; what is answered now reaches nobody.
  bool abandoned() const { return abandoned_; }
  // Called once if the call is abandoned: before it is answered, or after, when gRPC sees that the
  // answer did not get through.
  void OnAbandoned(std::function<void()> work) { on_abandoned_ = std::move(work); }

  // Exactly once; the response and request must not be used any more.
  void Answer(const Status& status) {
    audited_.Answered(status);
    reactor_->Finish(ToGrpcStatus(status));
  }

  // Fills the response's message field or answers with the error:
  // call->AnswerWith(engine.Get(id), response->mutable_fault()).
  template <typename Message>
  void AnswerWith(StatusOr<Message> result, Message* field) {
    if constexpr (std::is_same_v<Message, v1::Fault>) {
      if (result.ok()) audited_.SetFault(result->id());
    }
    const Status status = result.status();
    if (status.ok()) *field = *std::move(result);
    Answer(status);
  }

  void Abandon() {
    abandoned_ = true;
    if (auto work = std::exchange(on_abandoned_, nullptr)) work();
  }

 private:
  const Caller caller_;
  AuditedRequest audited_;
  grpc::ServerUnaryReactor* reactor_;
  std::function<void()> on_abandoned_;
  bool abandoned_ = false;
};

class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  UnaryReactor(Loop& loop, Caller caller, AuditedRequest audited)
      : loop_(loop), call_(std::make_shared<Call>(std::move(caller), std::move(audited), this)) {}
  const std::shared_ptr<Call>& call() const { return call_; }
  void OnCancel() override {
    loop_.Post([call = call_] { call->Abandon(); });
  }
  void OnDone() override { delete this; }

 private:
  Loop& loop_;
  std::shared_ptr<Call> call_;
};

// A call that is answered with an error at once. Reactor is one of gRPC's for the server.
template <typename Reactor>
class RefusedCall final : public Reactor {
 public:
  explicit RefusedCall(const Status& why) { this->Finish(ToGrpcStatus(why)); }
  void OnDone() override { delete this; }
};

// INVALID_ARGUMENT when the client would wait for ever.
inline Status ValidateDeadline(const grpc::CallbackServerContext& context) {
  if (context.deadline() != std::chrono::system_clock::time_point::max()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the call has no deadline; set one, as long as an answer is worth waiting for, e.g. 30 s");
}

// Runs `work(std::shared_ptr<Call>)` on the loop, unless the caller may not do this, sets no
// deadline, or the request is not well-formed.
template <typename Work>
grpc::ServerUnaryReactor* RunOnLoop(Loop& loop, const Access& access,
                                    grpc::CallbackServerContext* context,
                                    const google::protobuf::Message& request, Work work) {
  StatusOr<Caller> caller = access.Authorise(*context, request);
  AuditedRequest audited = access.Audit(*context, request);
  Status valid = caller.status();
  if (valid.ok()) valid = ValidateDeadline(*context);
  if (valid.ok()) valid = CheckWellFormed(request);
  if (!valid.ok()) {
    audited.Answered(valid);
    return new RefusedCall<grpc::ServerUnaryReactor>(valid);
  }
  auto* reactor = new UnaryReactor(loop, *std::move(caller), std::move(audited));
  loop.Post([call = reactor->call(), work = std::move(work)] { work(call); });
  return reactor;
}

}  // namespace faultd

#include "bench/flood.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <tuple>

#include "faultd/v1/fault_service.pb.h"

namespace faultd::bench {
namespace {

// More than that, and it is the client's own queue that is measured.
constexpr long kMostUnanswered = 200;

struct Request {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call;
};

grpc::ByteBuffer Nonsense(std::mt19937& numbers) {
  std::string bytes;
  if (numbers() % 2 == 0) {
    v1::InjectFaultRequest request;
    request.mutable_duration()->set_seconds(60);
    request.mutable_spec()->mutable_blackhole()->mutable_target()->add_to()->set_host("10.0.0.999");
    bytes = request.SerializeAsString();
  } else {
    for (auto left = numbers() % 200; left > 0; --left)
      bytes.push_back(static_cast<char>(numbers()));
    bytes += "\xff";  // a field that has begun, and nothing of it
  }
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

}  // namespace

Flood::Flood(const std::string& address, int requests_a_second)
    : thread_([this, address, requests_a_second] { Run(address, requests_a_second); }) {}

Flood::~Flood() {
  stopping_ = true;
  thread_.join();
}

void Flood::Run(const std::string& address, int requests_a_second) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  grpc::GenericStub stub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  grpc::CompletionQueue queue;
  std::mt19937 numbers(7);
  const auto apart = std::chrono::nanoseconds(std::chrono::seconds(1)) / requests_a_second;
  const auto begin = std::chrono::steady_clock::now();
  long sent = 0;
  long answered = 0;
  while (!stopping_ || answered < sent) {
    const auto due = (std::chrono::steady_clock::now() - begin) / apart;
    while (!stopping_ && sent < due && sent - answered < kMostUnanswered) {
      auto request = std::make_unique<Request>();
      request->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
      request->request = Nonsense(numbers);
      request->call = stub.PrepareUnaryCall(
          &request->context, "/faultd.v1.FaultService/InjectFault", request->request, &queue);
      request->call->StartCall();
      request->call->Finish(&request->response, &request->status, request.get());
      std::ignore = request.release();  // until it comes out of the queue
      ++sent;
    }
    void* tag = nullptr;
    bool ok = false;
    const auto wait = std::chrono::system_clock::now() + std::chrono::milliseconds(1);
    while (queue.AsyncNext(&tag, &ok, wait) == grpc::CompletionQueue::GOT_EVENT) {
      const std::unique_ptr<Request> request(static_cast<Request*>(tag));
      ++answered;
      if (request->status.ok()) {
        fprintf(stderr, "faultd took nonsense for a request\n");
        abort();
      }
      ++refused_;
      if (sent < (std::chrono::steady_clock::now() - begin) / apart) break;
    }
  }
}

}  // namespace faultd::bench

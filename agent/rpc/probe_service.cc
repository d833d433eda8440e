#include "rpc/probe_service.h"

#include <algorithm>

#include "rpc/call.h"
#include "rpc/probe_messages.h"
#include "rpc/probe_stream.h"

namespace faultd {
namespace {

// Some at a time: 1,000 probes with all their results would keep the loop from a lease that ends.
void ListFrom(size_t next, const Probes& probes, Loop& loop, std::shared_ptr<Call> call,
              v1::ListProbesResponse* response) {
  constexpr size_t kAtATime = 20;
  const size_t end = std::min(next + kAtATime, probes.all().size());
  for (; next < end; ++next) *response->add_probes() = DescribeProbe(*probes.all()[next]);
  if (next == probes.all().size()) return call->Answer(absl::OkStatus());
  loop.Post([=, &probes, &loop] { ListFrom(next, probes, loop, call, response); });
}

}  // namespace

grpc::ServerUnaryReactor* ProbeService::ListProbes(grpc::CallbackServerContext* context,
                                                   const v1::ListProbesRequest* request,
                                                   v1::ListProbesResponse* response) {
  return RunOnLoop(loop_, access_, context, *request, [=, this](std::shared_ptr<Call> call) {
    ListFrom(0, probes_, loop_, std::move(call), response);
  });
}

grpc::ServerWriteReactor<v1::WatchProbesResponse>* ProbeService::WatchProbes(
    grpc::CallbackServerContext* context, const v1::WatchProbesRequest* request) {
  auto caller = access_.AuthoriseStream(*context, *request);
  if (!caller.ok())
    return new RefusedCall<grpc::ServerWriteReactor<v1::WatchProbesResponse>>(caller.status());
  return ProbeStream::Start(probes_, loop_, std::move(caller->place), *request);
}

}  // namespace faultd

#include "ctl/client.h"

namespace faultd::ctl {
namespace {

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // a list of faults with 20,000 addresses each
  // The socket's mode says who may use it, and the kernel tells the daemon who does.
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

Client::Client(std::string address, std::chrono::nanoseconds timeout)
    : address_(std::move(address)),
      timeout_(timeout),
      channel_(MakeChannel(address_)),
      faults_(v1::FaultService::NewStub(channel_)),
      agent_(v1::AgentService::NewStub(channel_)),
      probes_(v1::ProbeService::NewStub(channel_)) {}

Failure Client::Explain(const grpc::Status& status, Purpose purpose) const {
  const bool connected = channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY;
  return ctl::Explain(status, purpose, address_, connected);
}

}  // namespace faultd::ctl

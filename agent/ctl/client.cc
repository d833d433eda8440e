#include "ctl/client.h"

#include "ctl/address.h"

namespace faultd::ctl {
namespace {

// A network that went dead is noticed after both together; the daemon allows a ping every 5 s.
constexpr int kPingAfterMs = 10'000;
constexpr int kPingTimeoutMs = 5'000;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const Transport& transport) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // a list of faults with 20,000 addresses each
  // The socket's mode says who may use it, and the kernel tells the daemon who does.
  if (IsUnix(address))
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingAfterMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  // A held fault's stream may have nothing to send for hours.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  if (!transport.server_name.empty()) arguments.SetSslTargetNameOverride(transport.server_name);
  return grpc::CreateCustomChannel("dns:///" + address, transport.credentials, arguments);
}

}  // namespace

Client::Client(std::string address, std::chrono::nanoseconds timeout, const Transport& transport)
    : address_(std::move(address)),
      timeout_(timeout),
      channel_(MakeChannel(address_, transport)),
      faults_(v1::FaultService::NewStub(channel_)),
      agent_(v1::AgentService::NewStub(channel_)),
      probes_(v1::ProbeService::NewStub(channel_)) {}

bool Client::remote() const { return !IsUnix(address_); }

Failure Client::Explain(const grpc::Status& status, Purpose purpose) {
  const bool connected = channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY;
  may_have_asked_ = may_have_asked_ || connected || !NeverSent(status);
  return ctl::Explain(status, purpose, address_, connected);
}

}  // namespace faultd::ctl

#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "ctl/failure.h"
#include "ctl/transport.h"
#include "faultd/v1/agent_service.grpc.pb.h"
#include "faultd/v1/fault_service.grpc.pb.h"
#include "faultd/v1/probe_service.grpc.pb.h"

namespace faultd::ctl {

// A connection to the daemon, made with the first call.
class Client {
 public:
  // `timeout` is that of each call; streams have none. `transport` is for addresses that are not
  // unix sockets.
  Client(std::string address, std::chrono::nanoseconds timeout, const Transport& transport = {});

  v1::FaultService::Stub& faults() { return *faults_; }
  v1::AgentService::Stub& agent() { return *agent_; }
  v1::ProbeService::Stub& probes() { return *probes_; }
  const std::string& address() const { return address_; }
  // The daemon is on another host, or may be.
  bool remote() const;
  // The daemon may have got a request from here, whatever became of the answer.
  bool may_have_asked() const { return may_have_asked_; }

  // Calls e.g. client.faults().GetFault(request) and waits for the answer.
  template <typename Service, typename Request, typename Response>
  std::optional<Failure> Call(Service& service,
                              grpc::Status (Service::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                              const Request& request, Response* response, Purpose purpose) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::microseconds>(timeout_));
    const grpc::Status status = (service.*method)(&context, request, response);
    if (status.ok()) {
      may_have_asked_ = true;
      return std::nullopt;
    }
    return Explain(status, purpose);
  }

  Failure Explain(const grpc::Status& status, Purpose purpose);

 private:
  const std::string address_;
  const std::chrono::nanoseconds timeout_;
  bool may_have_asked_ = false;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::FaultService::Stub> faults_;
  const std::unique_ptr<v1::AgentService::Stub> agent_;
  const std::unique_ptr<v1::ProbeService::Stub> probes_;
};

}  // namespace faultd::ctl

#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <sstream>
#include <string>

#include "ctl/client.h"
#include "ctl/commands.h"
#include "faultd/v1/agent_service.grpc.pb.h"
#include "faultd/v1/fault_service.grpc.pb.h"
#include "faultd/v1/probe_service.grpc.pb.h"

namespace faultd::ctl {

// What a command printed; tells when it did.
class OutputBuffer final : public std::stringbuf {
 public:
  std::function<void()> on_flush = [] {};

 private:
  int sync() override {
    on_flush();
    return 0;
  }
};

// A daemon on a unix socket in a directory of its own that answers as the test says.
class FakeDaemon final : public v1::FaultService::Service,
                         public v1::AgentService::Service,
                         public v1::ProbeService::Service {
 public:
  using HoldStream = grpc::ServerReaderWriter<v1::HoldFaultResponse, v1::HoldFaultRequest>;

  FakeDaemon();
  ~FakeDaemon() override;

  // What faultctl does with these words; its output is in `output` and `err` then.
  ExitCode Run(const std::string& words, int stop_fd = -1);
  void StopServer();

  const std::string& address() const { return address_; }

  OutputBuffer output;
  std::ostream out{&output};
  std::ostringstream err;
  Output::Style style;

  v1::Fault fault;                // the answer to inject, get, renew and revert
  grpc::Status status;            // of every call
  std::vector<v1::Fault> faults;  // the answer to list (in pages of two) and revert --all
  v1::Agent description;
  v1::PlanFaultResponse plan;
  std::vector<v1::WatchFaultsResponse> events;
  v1::ListProbesResponse probes;
  std::vector<v1::WatchProbesResponse> probe_events;
  std::function<grpc::Status(HoldStream&)> hold;
  // What was asked last.
  v1::InjectFaultRequest injected;
  v1::HoldFaultRequest held;
  std::vector<std::string> reverted;

 private:
  grpc::Status InjectFault(grpc::ServerContext*, const v1::InjectFaultRequest* request,
                           v1::InjectFaultResponse* response) override;
  grpc::Status PlanFault(grpc::ServerContext*, const v1::PlanFaultRequest* request,
                         v1::PlanFaultResponse* response) override;
  grpc::Status GetFault(grpc::ServerContext*, const v1::GetFaultRequest* request,
                        v1::GetFaultResponse* response) override;
  grpc::Status ListFaults(grpc::ServerContext*, const v1::ListFaultsRequest* request,
                          v1::ListFaultsResponse* response) override;
  grpc::Status RenewLease(grpc::ServerContext*, const v1::RenewLeaseRequest* request,
                          v1::RenewLeaseResponse* response) override;
  grpc::Status RevertFault(grpc::ServerContext*, const v1::RevertFaultRequest* request,
                           v1::RevertFaultResponse* response) override;
  grpc::Status RevertAll(grpc::ServerContext*, const v1::RevertAllRequest* request,
                         v1::RevertAllResponse* response) override;
  grpc::Status WatchFaults(grpc::ServerContext*, const v1::WatchFaultsRequest* request,
                           grpc::ServerWriter<v1::WatchFaultsResponse>* writer) override;
  grpc::Status HoldFault(grpc::ServerContext*, HoldStream* stream) override;
  grpc::Status GetAgent(grpc::ServerContext*, const v1::GetAgentRequest* request,
                        v1::GetAgentResponse* response) override;
  grpc::Status ListProbes(grpc::ServerContext*, const v1::ListProbesRequest* request,
                          v1::ListProbesResponse* response) override;
  grpc::Status WatchProbes(grpc::ServerContext*, const v1::WatchProbesRequest* request,
                           grpc::ServerWriter<v1::WatchProbesResponse>* writer) override;

  std::string directory_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace faultd::ctl

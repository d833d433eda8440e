#include "ctl/fake_daemon.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "ctl/command_line.h"

namespace faultd::ctl {

FakeDaemon::FakeDaemon() {
  std::string pattern = ::testing::TempDir() + "/faultctl-XXXXXX";
  directory_ = mkdtemp(pattern.data());
  address_ = "unix:" + directory_ + "/faultd.sock";
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
  builder.RegisterService(static_cast<v1::FaultService::Service*>(this));
  builder.RegisterService(static_cast<v1::AgentService::Service*>(this));
  builder.RegisterService(static_cast<v1::ProbeService::Service*>(this));
  server_ = builder.BuildAndStart();
}

FakeDaemon::~FakeDaemon() {
  StopServer();
  std::filesystem::remove_all(directory_);
}

void FakeDaemon::StopServer() {
  // Calls that are under way are broken off at once.
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

ExitCode FakeDaemon::Run(const std::string& words, int stop_fd) {
  output.str("");
  err.str("");
  const auto options = ParseLine(StrCat(words, " --address ", address_));
  EXPECT_TRUE(options.ok()) << options.status();
  if (!options.ok()) return ExitCode::kUsage;
  style.brief = options->brief;
  style.json = options->json || options->brief;
  Output printer(out, err, style);
  Client client(options->address, options->timeout);
  return ctl::Run(*options, client, printer, stop_fd);
}

grpc::Status FakeDaemon::InjectFault(grpc::ServerContext*, const v1::InjectFaultRequest* request,
                                     v1::InjectFaultResponse* response) {
  injected = *request;
  *response->mutable_fault() = fault;
  return status;
}

grpc::Status FakeDaemon::PlanFault(grpc::ServerContext*, const v1::PlanFaultRequest*,
                                   v1::PlanFaultResponse* response) {
  *response = plan;
  return status;
}

grpc::Status FakeDaemon::GetFault(grpc::ServerContext*, const v1::GetFaultRequest* request,
                                  v1::GetFaultResponse* response) {
  if (request->id() != fault.id())
    return {grpc::StatusCode::NOT_FOUND, StrCat("there is no fault ", request->id())};
  *response->mutable_fault() = fault;
  return status;
}

grpc::Status FakeDaemon::ListFaults(grpc::ServerContext*, const v1::ListFaultsRequest* request,
                                    v1::ListFaultsResponse* response) {
  size_t first = 0;
  EXPECT_EQ(absl::SimpleAtoi(request->page_token(), &first), !request->page_token().empty());
  const size_t last = std::min(first + 2, faults.size());
  for (size_t i = first; i < last; ++i) *response->add_faults() = faults[i];
  if (last < faults.size()) response->set_next_page_token(StrCat(last));
  return status;
}

grpc::Status FakeDaemon::RenewLease(grpc::ServerContext*, const v1::RenewLeaseRequest* request,
                                    v1::RenewLeaseResponse* response) {
  *response->mutable_fault() = fault;
  *response->mutable_fault()->mutable_lease()->mutable_remaining() = request->duration();
  return status;
}

grpc::Status FakeDaemon::RevertFault(grpc::ServerContext*, const v1::RevertFaultRequest* request,
                                     v1::RevertFaultResponse* response) {
  reverted.push_back(request->id());
  if (request->id() == "unknown") return {grpc::StatusCode::NOT_FOUND, "there is no fault unknown"};
  *response->mutable_fault() = fault;
  return status;
}

grpc::Status FakeDaemon::RevertAll(grpc::ServerContext*, const v1::RevertAllRequest*,
                                   v1::RevertAllResponse* response) {
  response->mutable_faults()->Assign(faults.begin(), faults.end());
  return status;
}

grpc::Status FakeDaemon::WatchFaults(grpc::ServerContext*, const v1::WatchFaultsRequest*,
                                     grpc::ServerWriter<v1::WatchFaultsResponse>* writer) {
  for (const v1::WatchFaultsResponse& event : events) writer->Write(event);
  return status;
}

grpc::Status FakeDaemon::HoldFault(grpc::ServerContext*, HoldStream* stream) {
  if (!stream->Read(&held)) return {grpc::StatusCode::INTERNAL, "no request"};
  return hold(*stream);
}

grpc::Status FakeDaemon::GetAgent(grpc::ServerContext*, const v1::GetAgentRequest*,
                                  v1::GetAgentResponse* response) {
  *response->mutable_agent() = description;
  return status;
}

grpc::Status FakeDaemon::ListProbes(grpc::ServerContext*, const v1::ListProbesRequest*,
                                    v1::ListProbesResponse* response) {
  *response = probes;
  return status;
}

grpc::Status FakeDaemon::WatchProbes(grpc::ServerContext*, const v1::WatchProbesRequest*,
                                     grpc::ServerWriter<v1::WatchProbesResponse>* writer) {
  for (const v1::WatchProbesResponse& event : probe_events) writer->Write(event);
  return status;
}

}  // namespace faultd::ctl

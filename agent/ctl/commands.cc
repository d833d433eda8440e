#include "ctl/commands.h"

#include "base/proto_time.h"
#include "base/strings.h"
#include "ctl/render.h"

namespace faultd::ctl {
namespace {

using FaultStub = v1::FaultService::Stub;

ExitCode Inject(const Options& options, Client& client, Output& output) {
  v1::InjectFaultResponse response;
  if (auto failure = client.Call(client.faults(), &FaultStub::InjectFault, options.inject,
                                 &response, Purpose::kInject)) {
    return output.Fail(*failure);
  }
  const v1::Fault& fault = response.fault();
  output.Json(fault);
  if (fault.state() != v1::FAULT_STATE_ACTIVE) {
    // The answer to a repeated command is the same fault, which may be over by now.
    output.Warn(FaultLine(fault));
    return ExitCode::kFaultFailed;
  }
  output.Text(StrCat(fault.id(), " active until ", FormatTime(fault.lease().deadline()), " (",
                     ShortDuration(FromProto(fault.lease().remaining())), "): ", fault.summary()));
  if (options.wait_drained) return WaitDrained(fault.id(), *options.wait_drained, client, output);
  return ExitCode::kDone;
}

ExitCode Plan(const Options& options, Client& client, Output& output) {
  v1::PlanFaultRequest request;
  *request.mutable_spec() = options.inject.spec();
  if (options.inject.has_duration()) *request.mutable_duration() = options.inject.duration();
  v1::PlanFaultResponse response;
  if (auto failure = client.Call(client.faults(), &FaultStub::PlanFault, request, &response,
                                 Purpose::kInject)) {
    return output.Fail(*failure);
  }
  output.Json(response);
  output.Text(PlanText(response));
  return ExitCode::kDone;
}

// The worse of two: what is not put back weighs most, else what went wrong first.
ExitCode Worse(ExitCode first, ExitCode second) {
  if (second == ExitCode::kRevertIncomplete || first == ExitCode::kDone) return second;
  return first;
}

ExitCode Get(const Options& options, Client& client, Output& output) {
  ExitCode exit = ExitCode::kDone;
  for (const std::string& id : options.ids) {
    v1::GetFaultRequest request;
    request.set_id(id);
    v1::GetFaultResponse response;
    if (auto failure = client.Call(client.faults(), &FaultStub::GetFault, request, &response,
                                   Purpose::kRead)) {
      exit = Worse(exit, output.Fail(*failure));
      continue;
    }
    output.Json(response.fault());
    output.Text(FaultDetails(response.fault()));
  }
  return exit;
}

std::optional<Failure> ListAll(Client& client, bool include_ended, std::vector<v1::Fault>& faults) {
  v1::ListFaultsRequest request;
  request.set_include_ended(include_ended);
  do {
    v1::ListFaultsResponse response;
    if (auto failure = client.Call(client.faults(), &FaultStub::ListFaults, request, &response,
                                   Purpose::kRead)) {
      return failure;
    }
    for (v1::Fault& fault : *response.mutable_faults()) faults.push_back(std::move(fault));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return std::nullopt;
}

ExitCode List(const Options& options, Client& client, Output& output) {
  std::vector<v1::Fault> faults;
  if (auto failure = ListAll(client, options.all, faults)) return output.Fail(*failure);
  output.Json(faults);
  output.Text(faults.empty() ? "no faults" : FaultTable(faults));
  return ExitCode::kDone;
}

ExitCode PrintIds(Client& client, Output& output) {
  std::vector<v1::Fault> faults;
  if (auto failure = ListAll(client, /*include_ended=*/false, faults)) return failure->exit;
  for (const v1::Fault& fault : faults) output.Text(fault.id());
  return ExitCode::kDone;
}

ExitCode Renew(const Options& options, Client& client, Output& output) {
  v1::RenewLeaseRequest request;
  request.set_id(options.ids.front());
  *request.mutable_duration() = ToProto(options.duration);
  v1::RenewLeaseResponse response;
  if (auto failure = client.Call(client.faults(), &FaultStub::RenewLease, request, &response,
                                 Purpose::kRead)) {
    return output.Fail(*failure);
  }
  const v1::Fault& fault = response.fault();
  output.Json(fault);
  output.Text(StrCat(fault.id(), " active until ", FormatTime(fault.lease().deadline()), " (",
                     ShortDuration(FromProto(fault.lease().remaining())), ")"));
  return ExitCode::kDone;
}

ExitCode TellReverted(const v1::Fault& fault, Output& output) {
  output.Text(FaultLine(fault));
  return IsOver(fault) ? ExitCode::kDone : ExitCode::kRevertIncomplete;
}

ExitCode RevertEach(const Options& options, Client& client, Output& output) {
  ExitCode exit = ExitCode::kDone;
  for (const std::string& id : options.ids) {
    v1::RevertFaultRequest request;
    request.set_id(id);
    v1::RevertFaultResponse response;
    auto failure =
        client.Call(client.faults(), &FaultStub::RevertFault, request, &response, Purpose::kRevert);
    if (failure) {
      exit = Worse(exit, output.Fail(*failure));
      continue;
    }
    output.Json(response.fault());
    exit = Worse(exit, TellReverted(response.fault(), output));
  }
  return exit;
}

ExitCode RevertAll(Client& client, Output& output) {
  v1::RevertAllResponse response;
  if (auto failure = client.Call(client.faults(), &FaultStub::RevertAll, v1::RevertAllRequest(),
                                 &response, Purpose::kRevert)) {
    return output.Fail(*failure);
  }
  ExitCode exit = ExitCode::kDone;
  const std::vector<v1::Fault> faults(response.faults().begin(), response.faults().end());
  output.Json(faults);
  if (faults.empty()) output.Text("no faults to revert");
  for (const v1::Fault& fault : faults) exit = Worse(exit, TellReverted(fault, output));
  return exit;
}

}  // namespace

bool IsStream(const Options& options) {
  return options.command == Command::kWatch || options.command == Command::kHold ||
         (options.command == Command::kProbes && options.watch);
}

ExitCode Run(const Options& options, Client& client, Output& output, int stop_fd) {
  switch (options.command) {
    case Command::kInject:
      return Inject(options, client, output);
    case Command::kPlan:
      return Plan(options, client, output);
    case Command::kHold:
      return Hold(options, client, output, stop_fd);
    case Command::kGet:
      return Get(options, client, output);
    case Command::kList:
      return List(options, client, output);
    case Command::kWatch:
      return Watch(options, client, output, stop_fd);
    case Command::kRenew:
      return Renew(options, client, output);
    case Command::kRevert:
      return options.all ? RevertAll(client, output) : RevertEach(options, client, output);
    case Command::kProbes:
      return Probes(options, client, output, stop_fd);
    case Command::kLever:
      return Lever(options, client, output);
    case Command::kAudit:
      return Audit(options, output);
    case Command::kDoctor:
      return Doctor(options, client, output);
    case Command::kVersion:
      return Version(client, output);
    case Command::kIds:
      return PrintIds(client, output);
    case Command::kHelp:
      output.Text(options.help);
      return ExitCode::kDone;
  }
  return ExitCode::kUsage;
}

}  // namespace faultd::ctl

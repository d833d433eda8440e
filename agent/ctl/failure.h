#pragma once

#include <string>
#include <string_view>

#include "ctl/exit_codes.h"
#include "google/rpc/status.pb.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace faultd::ctl {

// What a call is for. It decides what running out of time or an internal error means.
enum class Purpose { kInject, kRead, kRevert };

// Why a command did not do what was asked.
struct Failure {
  ExitCode exit = ExitCode::kFaultFailed;
  // To the person who typed it.
  std::string message;
  // The same to a program.
  google::rpc::Status status;
};

// A failed call. `connected`: the daemon had been reached, so its silence is about the call.
Failure Explain(const grpc::Status& status, Purpose purpose, std::string_view address,
                bool connected);

// Whether a call failed because there was no connection to send it over. For one that ran out of
// time: only if there is none at the end of it.
bool NeverSent(const grpc::Status& status);

// The option that fills a field of a request ("spec.latency.target.to[2].host" is "--to number 3"),
// or the field itself where no option does.
std::string OptionOf(std::string_view field, Purpose purpose);

}  // namespace faultd::ctl

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "audit/read.h"
#include "base/status.h"
#include "ctl/fleet_options.h"
#include "ctl/transport.h"
#include "faultd/v1/fault_service.pb.h"

namespace faultd::ctl {

enum class Command {
  kInject,
  kPlan,  // --dry-run
  kHold,  // --hold
  kGet,
  kList,
  kWatch,
  kRenew,
  kRevert,
  kProbes,
  kLever,
  kAudit,
  kDoctor,
  kVersion,
  kIds,   // for shell completion
  kHelp,  // print `help` and be done
};

// A command line, understood.
struct Options {
  Command command = Command::kHelp;
  std::string help;

  // As ParseAddress returns it.
  std::string address = "unix:/run/faultd/faultd.sock";
  // Instead of it.
  FleetOptions fleet;
  // For addresses that are not unix sockets.
  TlsFiles tls;
  bool json = false;
  bool brief = false;
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);

  // Inject, plan and hold.
  v1::InjectFaultRequest inject;
  std::optional<std::chrono::nanoseconds> grace;
  // Inject: how long to wait for an ECS drain to be complete.
  std::optional<std::chrono::nanoseconds> wait_drained;

  // Get, watch (at most one), renew and revert.
  std::vector<std::string> ids;
  // List: those that are over too. Revert: all faults.
  bool all = false;
  // Renew.
  std::chrono::nanoseconds duration{0};
  // Watch: how often to send effects.
  std::optional<std::chrono::nanoseconds> interval;
  // Probes: stay and show each new result.
  bool watch = false;
  // Lever.
  enum class LeverAction { kStatus, kEngage, kRelease };
  LeverAction lever = LeverAction::kStatus;
  std::string reason;
  // Audit.
  bool verify = false;
  std::string file = kDefaultAuditLog;
  // Doctor.
  bool strict = false;
};

// Whether one of the daemons is connected to over TCP.
bool NeedsTls(const Options& options);

// INVALID_ARGUMENT with a message to the person who typed it.
StatusOr<Options> ParseOptions(int argc, const char* const* argv);

}  // namespace faultd::ctl

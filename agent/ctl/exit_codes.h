#pragma once

namespace faultd::ctl {

// Exit codes of faultctl. They are part of its interface: SSM documents branch on them. 137, 168,
// 169 and 194 mean something to the SSM agent and are never used.
enum class ExitCode : int {
  kDone = 0,
  // The fault could not be injected, or ended before it should.
  kFaultFailed = 1,
  // Wrong usage or an invalid argument, found here or by the daemon.
  kUsage = 2,
  // No daemon, or one that does not answer.
  kUnreachable = 3,
  // Policy, precondition, unknown id or interface, a name that does not resolve, id in use.
  kRefused = 4,
  // Something is not yet as it was before.
  kRevertIncomplete = 5,
};

}  // namespace faultd::ctl

#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "faultd/v1/fault_service.grpc.pb.h"
#include "faultd/v1/journal.pb.h"
#include "kernel/process.h"

namespace faultd::bench {

// The real program with directories of its own, one after the other as often as wanted.
class Daemon {
 public:
  // `programs` holds faultd and faultd-guardian; the state is kept in a directory below
  // `parent`, which should be on a disk.
  Daemon(std::string programs, const std::string& parent);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Returns once it has said READY=1 (sd_notify(3)).
  void Start();
  // SIGTERM; returns once daemon and guardian are gone.
  void Stop();
  // SIGKILL; does not wait.
  void Kill();
  // Waits until the guardian has put the host back and is gone.
  void WaitUntilGone();

  pid_t pid() const { return process_->pid(); }
  bool running() const;
  // The end of what it has logged.
  std::string LogTail() const;
  pid_t guardian_pid();

  // Requests; they throw when they fail. The connection is made by the first one.
  void Inject(const v1::InjectFaultRequest& request);
  void Revert(const std::string& id);
  void RevertAll();
  void Get(const std::string& id);
  // All that are active, in pages of the largest size.
  void List();
  // Until a stress fault reports that it does what was asked for.
  void WaitForEffect(const std::string& id);
  void WaitUntilOver(const std::string& id);
  void Disconnect();
  // Of the unix socket, as gRPC writes it.
  std::string address() const { return "unix:" + runtime_ + "/faultd.sock"; }

  std::string journal() const { return state_ + "/journal"; }
  v1::JournalRecord RecordOf(const std::string& id);
  // The end of the fault's lease as its undo record has it.
  BootTime DeadlineOf(const std::string& id);

 private:
  v1::FaultService::Stub& faults();
  void FindGuardian();

  const std::string programs_;
  const std::string state_;
  const std::string runtime_;
  UniqueFd ready_;  // the socket behind NOTIFY_SOCKET
  std::optional<Process> process_;
  std::optional<Process> guardian_;
  std::unique_ptr<v1::FaultService::Stub> faults_;
};

}  // namespace faultd::bench

#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "daemon/asio_loop.h"
#include "engine/engine.h"
#include "kernel/process.h"
#include "kernel/starting_process.h"
#include <boost/asio/posix/stream_descriptor.hpp>

namespace faultd {

// Keeps one faultd-guardian running: starts it, waits until it is on guard, starts another when it
// ends. On the loop's thread.
class GuardianProcess {
 public:
  GuardianProcess(AsioLoop& loop, std::string program, std::string state_dir)
      : loop_(loop),
        program_(std::move(program)),
        state_dir_(std::move(state_dir)),
        ready_(loop.context()),
        gone_(loop.context()) {}

  // Starts the first one and waits until it is on guard, at most 10 s, for which nothing else
  // happens. Later ones hold nothing up.
  Status Start();
  // The next end of the guardian is wanted: it stays until this process is gone.
  void StopWatching();
  // What the guardian cannot see in the records.
  void Tell(const std::string& id, Engine::RecordNews news);
  // 0 while none is on guard.
  pid_t pid() const { return on_guard_ ? process_->pid() : 0; }

 private:
  // Answers with what it says "ready" on, and what ends with it.
  StatusOr<UniqueFd> Spawn();
  // Waits until it is executed, or cannot be.
  Status TakeProcess();
  void Restart();
  void RestartLater(const Status& failure);
  // Our ends of what are its streams, once it has them.
  void LetGoOfStreams();
  void WaitForReady(UniqueFd output);
  // When there is a sign that it is executed, or cannot be.
  void TakeWhenDone(bool ready);
  void WaitLonger();
  void IsLate();
  void WaitForEnd();
  void Ended();

  AsioLoop& loop_;
  const std::string program_;
  const std::string state_dir_;
  std::optional<StartingProcess> starting_;  // before `process_` is there
  std::optional<Process> process_;
  UniqueFd listener_;  // what is said here, the guardian hears
  bool on_guard_ = false;
  boost::asio::posix::stream_descriptor ready_;
  Loop::TimerId too_late_ = Loop::kNoTimer;
  boost::asio::posix::stream_descriptor gone_;  // a copy of the process's pidfd
};

}  // namespace faultd

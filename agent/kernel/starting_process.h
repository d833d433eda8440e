#pragma once

#include <sys/types.h>

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "kernel/process.h"

namespace faultd {

// A child on its way to the program that it is to be. Whoever starts a program waits until it is
// executed, which takes as long as the processors are busy, the disk with the program stalls, or
// the child is stopped. So each is started by a thread of its own:
// - The child has none of our descriptors but those it is given. What has to go at once when we
// are killed (the lock, the nftables socket) would otherwise stay with a child that waits.
// - The thread lives as long as the child, because the death signal that a child asks for
// (prctl(2), PR_SET_PDEATHSIG) comes when the thread that started it ends.
// Where many wait for a processor, a new thread may wait for seconds; so nobody waits for it.
class StartingProcess {
 public:
  // As StartChild, with these as standard input and output. RESOURCE_EXHAUSTED when there is no
  // thread to be had.
  static StatusOr<StartingProcess> Start(std::string path, std::vector<std::string> arguments,
                                         UniqueFd input, UniqueFd output = UniqueFd());
  // Waits until the thread has the streams.
  ~StartingProcess();
  StartingProcess(StartingProcess&&) = default;
  StartingProcess& operator=(StartingProcess&&) = default;

  // Whether the child's streams are its own. They are ours as well until this was asked once they
  // are, so ask again: nobody else sees the other ends closed before.
  bool HasStreams();
  void WaitForStreams();
  // Whether it is executed, or cannot be.
  bool IsDone();
  // Waits until it is, and answers with the process, or why there is none; RESOURCE_EXHAUSTED when
  // there is no table of descriptors to be had. To be called once.
  StatusOr<Process> Take();

 private:
  struct Ends {
    UniqueFd input, output;
  };
  StartingProcess(Ends ends, std::future<void> taken, std::future<StatusOr<pid_t>> child)
      : ends_(std::move(ends)), taken_(std::move(taken)), child_(std::move(child)) {}

  Ends ends_;                // ours, of the streams
  std::future<void> taken_;  // once the thread has them
  std::future<StatusOr<pid_t>> child_;
};

}  // namespace faultd

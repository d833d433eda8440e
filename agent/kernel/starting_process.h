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
class StartingProcess {
 public:
  // As StartChild, with these as standard input and output. Returns once the thread has its table
  // of descriptors. RESOURCE_EXHAUSTED when there is no thread, or no table, to be had.
  static StatusOr<StartingProcess> Start(std::string path, std::vector<std::string> arguments,
                                         UniqueFd input, UniqueFd output = UniqueFd());

  // Whether it is executed, or cannot be.
  bool IsDone() const;
  // Waits until it is, and answers with the process, or why there is none. To be called once.
  StatusOr<Process> Take();

 private:
  explicit StartingProcess(std::future<StatusOr<pid_t>> child) : child_(std::move(child)) {}
  std::future<StatusOr<pid_t>> child_;
};

}  // namespace faultd

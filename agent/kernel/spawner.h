#pragma once

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/job_queue.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "kernel/process.h"

namespace faultd {

// Starts programs on a thread of its own, because whoever starts one waits until it is executed,
// which takes as long as the processors are busy or the disk with the program stalls. The thread
// lives as long as this: the death signal that a child asks for (prctl(2), PR_SET_PDEATHSIG) comes
// when the thread that started it ends.
class Spawner {
 public:
  ~Spawner();  // finishes first what was asked for

  // As Process::Spawn, with `input` as standard input.
  std::future<StatusOr<Process>> Start(std::string path, std::vector<std::string> arguments,
                                       UniqueFd input);

 private:
  JobQueue jobs_;
  std::thread thread_;  // started by the first Start, so that it has the privileges of that time
};

}  // namespace faultd

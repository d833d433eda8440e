#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace faultd::bench {

// What processes take of some cores while they are watched, in per cent of these cores.
struct CpuUsage {
  double taken = 0;      // by the processes, from their CPU clocks
  double deviation = 0;  // of that over windows of 100 ms: standard deviation
  double busy = 0;       // by everybody, from idle time in /proc/stat
  double shown = 0;      // by everybody, as top(1) shows it: from all that /proc/stat has
  // Over windows of one second (the whole time, if shorter): where `busy` was farthest from `aim`.
  double worst_busy = 0;
};

// Watches for so long; `aim` is what `busy` is hoped to be.
CpuUsage Watch(const std::vector<pid_t>& processes, const std::vector<int>& cores, double seconds,
               double aim = 0);

// CPU time of processes so far, by their clocks; nothing for those that are gone.
std::chrono::nanoseconds CpuTimeOf(const std::vector<pid_t>& processes);

// A process and all that it started, and what these started.
std::vector<pid_t> Family(pid_t ancestor);

// CPU time of the threads of a process that may run on all cores, so far: what the controller
// costs.
std::chrono::nanoseconds UnboundThreadsTime(pid_t process);

// Something else that runs on the same cores: takes a fixed share, in bursts, come what may.
// Stopped by the destructor.
class Competitor {
 public:
  explicit Competitor(const std::vector<int>& cores);
  ~Competitor();
  void SetShare(double share) { share_ = share; }

 private:
  std::atomic<double> share_ = 0;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace faultd::bench

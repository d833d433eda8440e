#pragma once

#include <sys/types.h>

#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "faultd/v1/stress_process.pb.h"

namespace faultd {

// The real faultd-stress, started and talked to as the daemon does it. Killed by its destructor,
// and by the kernel when the thread that started it ends.
class StressProcess {
 public:
  // Returns when the order is sent; the first report says whether the load could be started.
  static StatusOr<StressProcess> Start(const std::string& binary, const v1::StressOrder& order);
  StressProcess(StressProcess&& other) noexcept;
  StressProcess& operator=(StressProcess&& other) noexcept;
  ~StressProcess();

  // 0 once it has been killed or waited for.
  pid_t pid() const { return pid_; }
  // Waits for the next report, up to 30 s. An error is an error of the socket or the end of the
  // process; what the process itself says is in the report.
  StatusOr<v1::StressReport> NextReport();
  // The effect in the next report, or the error that the process reports.
  StatusOr<v1::Effect> NextEffect();
  // SIGKILL, and waits until it is gone. Once more does nothing.
  void Kill();
  // Closes the socket, as a daemon that dies would, and waits for the end of the process. Returns
  // its status as waitpid(2) has it.
  int Close();

 private:
  StressProcess(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}
  int Wait();

  pid_t pid_;
  UniqueFd socket_;
};

}  // namespace faultd

#include "rpc/grpc_log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <mutex>

#include "base/clock.h"

namespace faultd {
namespace {

constexpr int kLines = 10;
constexpr std::chrono::seconds kWindow{60};

// Whether one more line may be logged now.
bool Admit() {
  static std::mutex mutex;
  static BootTime begin{0};
  static int lines = 0;
  const std::lock_guard lock(mutex);
  const BootTime now = SystemClock().Now();
  if (now - begin > kWindow) {
    begin = now;
    lines = 0;
  }
  return ++lines <= kLines;
}

void Log(gpr_log_func_args* args) {
  if (args->severity != GPR_LOG_SEVERITY_ERROR || !Admit()) return;
  spdlog::warn("gRPC: {}", args->message);
}

}  // namespace

void TakeOverGrpcLog() { gpr_set_log_function(Log); }

}  // namespace faultd

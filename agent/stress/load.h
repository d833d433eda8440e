#pragma once

#include <memory>

#include "base/status.h"
#include "faultd/v1/stress_process.pb.h"

namespace faultd {

// The load that a stress process puts on the host, from its construction on. It needs no end: the
// process is killed, and the kernel takes back what it held.
class Load {
 public:
  virtual ~Load() = default;
  // What it achieves; rates are means over the time since the last call. Called once a second. An
  // error: the load cannot be kept up.
  virtual StatusOr<v1::Effect> Observe() = 0;
};

// Each returns when the load has begun, or says why it cannot. Its threads live as long as the
// process.
StatusOr<std::unique_ptr<Load>> StartCpuLoad(const v1::CpuOrder& order);
StatusOr<std::unique_ptr<Load>> StartMemoryLoad(const v1::MemoryOrder& order);
StatusOr<std::unique_ptr<Load>> StartDiskFillLoad(const v1::DiskFillOrder& order);
StatusOr<std::unique_ptr<Load>> StartDiskIoLoad(const v1::DiskIoOrder& order);

}  // namespace faultd

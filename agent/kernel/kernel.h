#pragma once

#include <memory>

#include "base/status.h"
#include "kernel/features.h"
#include "kernel/links.h"
#include "kernel/machine.h"
#include "kernel/qdiscs.h"
#include "kernel/steering.h"
#include "kernel/stress_processes.h"

namespace faultd {

// The operating system as faults see it: references to one real (LinuxKernel) or fake (FakeKernel)
// implementation of each interface. Lives as long as the process.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual Links& links() = 0;
  virtual Qdiscs& qdiscs() = 0;
  // The mechanism in use on this host; fixed for the life of the object.
  virtual Steering& steering() = 0;
  virtual StressProcesses& stress() = 0;
  virtual Machine& machine() = 0;
  // What this kernel can do. Found out at the first call; `again` finds out anew, for when a module
  // was missing and may have been installed since.
  virtual const NetworkFeatures& features(bool again = false) = 0;
};

enum class SteeringChoice { kAuto, kNftables, kFlower };

// The real one, for the network namespace of the caller. kAuto takes nftables where the kernel can
// do it, else flower; without either, injection says what is missing and reverting still works.
StatusOr<std::unique_ptr<Kernel>> OpenLinuxKernel(SteeringChoice choice, StressProgram stress);

// For the guardian, which only removes: sees what either mechanism may have left, probes nothing.
StatusOr<std::unique_ptr<Kernel>> OpenLinuxKernelForRemoval(const std::string& state_dir);

}  // namespace faultd

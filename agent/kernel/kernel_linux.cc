#include <optional>
#include <utility>

#include "kernel/flower_steering.h"
#include "kernel/kernel.h"
#include "kernel/links_linux.h"
#include "kernel/nft_steering.h"
#include "kernel/qdiscs_linux.h"
#include "kernel/removal_steering.h"

namespace faultd {
namespace {

class LinuxKernel final : public Kernel {
 public:
  LinuxKernel(std::unique_ptr<Links> links, std::unique_ptr<Qdiscs> qdiscs,
              std::unique_ptr<Steering> steering, std::unique_ptr<StressProcesses> stress,
              std::optional<NetworkFeatures> features)
      : links_(std::move(links)),
        qdiscs_(std::move(qdiscs)),
        steering_(std::move(steering)),
        stress_(std::move(stress)),
        features_(std::move(features)) {}

  Links& links() override { return *links_; }
  Qdiscs& qdiscs() override { return *qdiscs_; }
  Steering& steering() override { return *steering_; }
  StressProcesses& stress() override { return *stress_; }
  Machine& machine() override { return *machine_; }

  const NetworkFeatures& features(bool again) override {
    if (again || !features_) features_ = ProbeNetworkFeatures();
    return *features_;
  }

 private:
  std::unique_ptr<Links> links_;
  std::unique_ptr<Qdiscs> qdiscs_;
  std::unique_ptr<Steering> steering_;
  std::unique_ptr<StressProcesses> stress_;
  std::unique_ptr<Machine> machine_ = OpenMachine();
  std::optional<NetworkFeatures> features_;
};

StatusOr<std::unique_ptr<Kernel>> MakeKernel(std::unique_ptr<Steering> steering,
                                             StressProgram stress,
                                             std::optional<NetworkFeatures> features) {
  ASSIGN_OR_RETURN(std::unique_ptr<Links> links, OpenLinks());
  ASSIGN_OR_RETURN(std::unique_ptr<Qdiscs> qdiscs, OpenQdiscs());
  return std::make_unique<LinuxKernel>(std::move(links), std::move(qdiscs), std::move(steering),
                                       OpenStressProcesses(std::move(stress)), std::move(features));
}

// Neither mechanism works: a host on which only reverting does.
Status NoSteering(const NetworkFeatures& features) {
  return PreconditionError(
      "STEERING", "nftables",
      StrCat("this kernel can forward packets neither with nftables (", features.nftables.message(),
             ") nor with flower (", features.flower.message(), ")"));
}

StatusOr<std::unique_ptr<Steering>> OpenBestSteering(const NetworkFeatures& features) {
  if (features.nftables.ok()) return OpenNftSteering();
  if (features.flower.ok()) return OpenFlowerSteering();
  // A host without a thread or a descriptor to spare tells nothing of its kernel; the next start
  // finds out.
  if (absl::IsResourceExhausted(features.flower)) return features.flower;
  return OpenRemovalSteering(NoSteering(features));
}

}  // namespace

StatusOr<std::unique_ptr<Kernel>> OpenLinuxKernel(SteeringChoice choice, StressProgram stress) {
  std::optional<NetworkFeatures> features;
  StatusOr<std::unique_ptr<Steering>> steering = nullptr;
  switch (choice) {
    case SteeringChoice::kNftables:
      steering = OpenNftSteering();
      break;
    case SteeringChoice::kFlower:
      steering = OpenFlowerSteering();
      break;
    case SteeringChoice::kAuto:
      features = ProbeNetworkFeatures();
      steering = OpenBestSteering(*features);
  }
  RETURN_IF_ERROR(steering.status());
  return MakeKernel(*std::move(steering), std::move(stress), std::move(features));
}

StatusOr<std::unique_ptr<Kernel>> OpenLinuxKernelForRemoval(const std::string& state_dir) {
  ASSIGN_OR_RETURN(std::unique_ptr<Steering> steering,
                   OpenRemovalSteering(absl::InternalError(
                       "this process only removes network faults and adds none")));
  return MakeKernel(std::move(steering), {.path = "", .state_dir = state_dir}, std::nullopt);
}

}  // namespace faultd

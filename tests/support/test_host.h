#pragma once

#include <memory>
#include <ostream>
#include <string>

#include "engine/engine.h"
#include "engine/journal.h"
#include "engine/recovery.h"
#include "faults/net/plane.h"
#include "support/fake_clock.h"
#include "support/fake_directory.h"
#include "support/fake_ecs.h"
#include "support/fake_file_systems.h"
#include "support/fake_kernel.h"
#include "support/fake_resolver.h"
#include "support/fake_script.h"
#include "support/fake_worker.h"
#include "support/manual_loop.h"

namespace faultd {

// What must be as before when every fault is over.
struct HostSnapshot {
  KernelState kernel;
  FakeDirectory::Files files;
  FakeEcsState ecs;
  friend bool operator==(const HostSnapshot&, const HostSnapshot&) = default;
};
std::ostream& operator<<(std::ostream& out, const HostSnapshot& snapshot);

// A host of fakes with a daemon on it, which can die and be started again over the same kernel and
// the same files. It has the interface eth0 with the default route, and eth1; a disk
// with the journal, and another one at /data, each with 55 of 100 GiB free.
class TestHost {
 public:
  explicit TestHost(SteeringKind kind = SteeringKind::kNftables);
  ~TestHost();

  // What dies with the daemon.
  struct Process {
    explicit Process(TestHost& on);
    NetworkPlane network;
    EcsDrains ecs;
    Host host;
    Journal journal;
    Engine engine;
  };
  Process& process() { return *process_; }
  Engine& engine() { return process_->engine; }
  NetworkPlane& network() { return process_->network; }
  Journal& journal() { return process_->journal; }
  Host& host() { return process_->host; }

  // SIGKILL, and a new process; nothing is recovered yet.
  void Restart();
  // The same with a reboot between: the kernel forgets, what was not synced is lost.
  void RestartAfterPowerLoss();
  // Reverts from the journal as a starting daemon does, and takes up what that has left; answers
  // with what it logged.
  StatusOr<std::vector<std::string>> RunRecovery(const SeenGone& seen_gone =
                                                     [](const std::string&) { return false; });

  HostSnapshot Snapshot() const { return {kernel.state(), directory.files(), ecs.state}; }

  FakeScript script;
  FakeKernel kernel;
  FakeDirectory directory{script};
  FakeWorker worker;
  FakeEcs ecs{script};
  FakeFileSystems file_systems;
  EcsPolicy ecs_policy;  // of the next process
  FakeClock clock;
  ManualLoop loop{clock};
  FakeResolver resolver{loop};
  std::string boot_id = "boot-1";

 private:
  std::unique_ptr<Process> process_;
};

// Surveys and plans, as the engine does.
StatusOr<FaultPlan> PlanOf(const v1::FaultSpec& spec, const ResolvedNames& names, Host& host);

}  // namespace faultd

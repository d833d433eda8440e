#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "faultd/v1/stress_process.pb.h"
#include "kernel/kernel.h"
#include "support/fake_kernel_state.h"
#include "support/fake_script.h"

namespace faultd {

enum class SteeringKind { kNftables, kFlower };

// A kernel in memory: real code with a memory, which does what links.h, qdiscs.h and steering.h
// promise, and throws std::logic_error at a caller that breaks their rules.
class FakeKernel final : public Kernel {
 public:
  FakeKernel(FakeScript& script, SteeringKind kind)
      : script_(script),
        kind_(kind),
        links_(*this),
        qdiscs_(*this),
        steering_(*this),
        stress_(*this) {}

  Links& links() override { return links_; }
  Qdiscs& qdiscs() override { return qdiscs_; }
  Steering& steering() override { return steering_; }
  StressProcesses& stress() override { return stress_; }
  Machine& machine() override { return machine_; }
  const NetworkFeatures& features(bool again) override;

  // The world around.
  int AddInterface(const std::string& name, bool default_route = true,
                   uint64_t speed_bps = 10'000'000'000);
  void RemoveInterface(const std::string& name);
  // A link of somebody else, of whatever kind.
  void AddLink(const Link& link) { state_.links[link.index] = link; }
  void RemoveLink(int index);
  void RemoveNetem(int index) { state_.netem.erase(index); }
  void SetSpeed(const std::string& name, uint64_t bps) { speeds_[name] = bps; }
  void AddHook(const std::string& interface) { state_.hooks.insert(interface); }
  // What features() answers at the first call, and when asked again.
  void SetFeatures(NetworkFeatures now, NetworkFeatures later);
  // The kernel has no sch_netem and cannot get it.
  void RemoveNetem();

  // What the machine has; to be changed by tests.
  struct FakeMachine final : Machine {
    StatusOr<std::vector<int>> UsableCores() override;
    StatusOr<double> CpuQuota() override;
    StatusOr<MemoryFacts> Memory() override;

    std::vector<int> cores = {0, 1, 2, 3};
    double quota = 0;
    MemoryFacts memory = {.total = uint64_t{8} << 30, .available = uint64_t{6} << 30};
  };
  FakeMachine& fake_machine() { return machine_; }

  // The stress process of a fault ends by itself, or reports an error.
  void EndStress(const std::string& id) { state_.stress_processes.erase(id); }
  void FailStress(const std::string& id, Status error) { stress_.FailWith(id, std::move(error)); }

  // Links deleted in the background go at the n-th List from now; 0: never, it fails.
  void SetBackgroundLists(int lists) { background_lists_ = lists; }
  void FinishBackground();

  // The process is gone: owned tables go with it, background work is not done.
  void Crash();
  // Nothing of ours survives that.
  void Reboot();

  const KernelState& state() const { return state_; }
  Netem* FindNetem(int index);
  void SetQueued(int index, uint32_t packets) { queued_[index] = packets; }

  // What happens to a packet that passes an interface, by what is in the kernel now.
  struct Fate {
    bool vanishes = false;  // all of the `share`
    Netem netem;            // without limit
    double share = 0;       // how many of its kind are steered at all
    int link_index = 0;     // 0: none
    friend bool operator==(const Fate&, const Fate&) = default;
  };
  Fate FateOf(const std::string& interface, Direction direction, const Packet& packet) const;
  // Sends packets there: counters go on.
  void Send(const std::string& interface, Direction direction, const Packet& packet,
            uint64_t packets, uint64_t bytes);

 private:
  class FakeLinks final : public Links {
   public:
    explicit FakeLinks(FakeKernel& kernel) : kernel_(kernel) {}
    StatusOr<std::vector<Link>> List() override;
    StatusOr<Link> Get(std::string_view name) override;
    StatusOr<std::vector<Link>> DefaultRouteLinks() override;
    StatusOr<Link> CreateIfb(std::string_view name, bool up) override;
    Status Delete(const std::vector<int>& indices) override;
    void DeleteInBackground(std::vector<int> indices) override;
    uint64_t SpeedBps(const Link& link) override;

   private:
    FakeKernel& kernel_;
  };

  class FakeQdiscs final : public Qdiscs {
   public:
    explicit FakeQdiscs(FakeKernel& kernel) : kernel_(kernel) {}
    Status SetNetem(int ifindex, const Netem& netem) override;
    StatusOr<std::map<int, NetemState>> ListNetem() override;

   private:
    FakeKernel& kernel_;
  };

  class FakeSteering final : public Steering {
   public:
    explicit FakeSteering(FakeKernel& kernel) : kernel_(kernel) {}
    std::string_view name() const override;
    Status Apply(const SteeringTable& table) override;
    StatusOr<SteeringState> Read() override;
    Status Supports(const SteeringRule& rule) const override;
    StatusOr<std::vector<OwnHook>> HooksToOwn(const std::vector<std::string>& names) override;
    void AdoptHooks(const std::vector<OwnHook>& hooks) override;

   private:
    friend class FakeKernel;
    void Check(const SteeringTable& table) const;
    Status AddHooks(const SteeringTable& table);
    void Set(SteeringTable table);

    FakeKernel& kernel_;
    std::set<std::string> owned_hooks_;  // known to this process only
  };

  class FakeStress final : public StressProcesses {
   public:
    explicit FakeStress(FakeKernel& kernel) : kernel_(kernel) {}
    StatusOr<std::string> CgroupParent() override;
    bool Started(const std::string& id) const override;
    Status Start(const std::string& id, const std::string& cgroup_parent,
                 const std::string& order) override;
    StatusOr<std::optional<std::string>> Report(const std::string& id) override;
    StatusOr<bool> End(const std::string& id, const std::string& cgroup_parent) override;
    StatusOr<bool> RemoveFiles(const std::string& id, const StressFiles& files) override;
    StatusOr<std::vector<std::string>> ListStrays() override;

    // The process that has started them is gone, and they with it.
    void Forget();
    void FailWith(const std::string& id, Status error);

   private:
    static constexpr char kCgroupParent[] = "/sys/fs/cgroup/faultd";
    struct Known {
      v1::StressOrder order;
      Status error;
      int looks = 0;
    };
    FakeKernel& kernel_;
    std::map<std::string, Known> known_;  // by fault
  };

  const SteeringRule* RuleFor(const std::string& interface, Direction direction,
                              const Packet& packet) const;

  FakeScript& script_;
  const SteeringKind kind_;
  FakeLinks links_;
  FakeQdiscs qdiscs_;
  FakeSteering steering_;
  FakeStress stress_;
  FakeMachine machine_;
  KernelState state_;
  std::map<std::string, uint64_t> speeds_;
  std::map<int, uint32_t> queued_;
  std::map<int, uint64_t> sent_;
  std::map<std::string, PacketCounter> counters_;
  NetworkFeatures features_;
  std::optional<NetworkFeatures> features_later_;
  int next_index_ = 1;
  int background_lists_ = 2;
  std::map<int, int> deleting_;  // links on their way out, and Lists until then
};

}  // namespace faultd

#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

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
      : script_(script), kind_(kind), links_(*this), qdiscs_(*this), steering_(*this) {}

  Links& links() override { return links_; }
  Qdiscs& qdiscs() override { return qdiscs_; }
  Steering& steering() override { return steering_; }
  const NetworkFeatures& features(bool again) override;

  // The world around.
  int AddInterface(const std::string& name, bool default_route = true,
                   uint64_t speed_bps = 10'000'000'000);
  void RemoveInterface(const std::string& name);
  // A link of somebody else, of whatever kind.
  void AddLink(const Link& link) { state_.links[link.index] = link; }
  void RemoveLink(int index);
  void SetSpeed(const std::string& name, uint64_t bps) { speeds_[name] = bps; }
  void AddHook(const std::string& interface) { state_.hooks.insert(interface); }
  // What features() answers at the first call, and when asked again.
  void SetFeatures(NetworkFeatures now, NetworkFeatures later);
  // The kernel has no sch_netem and cannot get it.
  void RemoveNetem();

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
    StatusOr<NetemState> GetNetem(int ifindex) override;

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
    StatusOr<std::vector<std::string>> HooksToOwn(const std::vector<std::string>& names) override;
    void AdoptHooks(const std::vector<std::string>& names) override;

   private:
    friend class FakeKernel;
    void Check(const SteeringTable& table) const;
    Status AddHooks(const SteeringTable& table);
    void Set(SteeringTable table);

    FakeKernel& kernel_;
    std::set<std::string> owned_hooks_;  // known to this process only
  };

  const SteeringRule* RuleFor(const std::string& interface, Direction direction,
                              const Packet& packet) const;

  FakeScript& script_;
  const SteeringKind kind_;
  FakeLinks links_;
  FakeQdiscs qdiscs_;
  FakeSteering steering_;
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

#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "faultd/v1/network.pb.h"
#include "faults/net/compiler.h"
#include "faults/net/recent_look.h"
#include "kernel/kernel.h"

namespace faultd {

// A network fault and where it acts.
struct PlacedFault {
  NetworkFault fault;
  std::vector<std::string> interfaces;
  std::vector<Direction> directions;
};

// Composes the network faults that are active and keeps the kernel equal to them: one netem ifb for
// each set of faults that hit the same packets, one steering table for all. It knows what this
// process made active; in a new process nothing is, and removing any fault sweeps everything that
// is tagged as ours. Used from the loop's thread.
class NetworkPlane {
 public:
  NetworkPlane(Kernel& kernel, const Clock& clock) : kernel_(kernel), clock_(clock) {}

  // Adds the fault, or replaces the one with the same id without a gap, and sees it in the kernel.
  // On error the faults before stay active; Remove puts back what may have been changed.
  Status Set(PlacedFault placed);

  // Takes the fault out. The first call ends its effect; `true` once no link of it is left, `false`
  // while packets that were held back drain (at most kMaxDrain) or links are being deleted: call
  // again. A fault that is not active is no error.
  StatusOr<bool> Remove(const std::string& id);

  // Ends the effect of these faults in one transaction, which is faster than one by one when they
  // are many. Those that are not active are no error. Each must still be removed.
  Status End(const std::vector<std::string>& ids);

  // Recovery: a process before us had made these clsact qdiscs.
  void AdoptHooks(const std::vector<OwnHook>& hooks);

  // Packets that no fault may touch.
  Status SetProtected(std::vector<PacketMatch> matches);
  const std::vector<PacketMatch>& protect() const { return protect_; }

  // What the fault has done so far, and where it is in the kernel in words. NOT_FOUND when it is
  // not active, DATA_LOSS when it should be but the kernel does not have it, or has its links
  // otherwise than they were made, so that its packets suffer something else. With many faults what
  // is told may be that of a look at the kernel a moment ago.
  StatusOr<v1::NetworkEffect> Observe(const std::string& id);
  StatusOr<std::string> Describe(const std::string& id);

  // Links and tables of ours that belong to no active fault.
  StatusOr<std::vector<std::string>> FindLeftovers();

  bool active(const std::string& id) const { return faults_.contains(id); }
  // Whether this process has tried to add it, and not seen it gone since.
  bool placed(const std::string& id) const { return placed_.contains(id); }

  static constexpr std::chrono::milliseconds kMaxDrain{1000};

 private:
  using PresentLinks = std::map<int, Link>;  // by their index
  using PresentNetem = std::map<int, NetemState>;
  // Ids of the faults that a link serves, in the order of injection; empty for the link into which
  // blackholed packets go.
  using Members = std::vector<std::string>;
  struct FaultLink {
    Link link;
    Netem netem;
    bool has_netem = false;
  };
  using FaultLinks = std::map<Members, FaultLink>;
  // Where a rule is, and where it sends packets.
  struct Place {
    const SteeringChain* chain;
    const FaultLinks::value_type* link;
  };
  struct RetiringLink {
    FaultLink link;
    Members members;
    std::string fault;  // whose change retired it; empty: that of all
    BootTime drained_by{0};
    BootTime deleting_until{0};  // 0: not asked for yet; when it passes, it is asked for again
  };
  // What was seen in the kernel.
  struct Look {
    SteeringState steering;
    PresentLinks links;
    PresentNetem netem;
  };
  // What the kernel should hold, with the links made for it; not yet applied.
  struct Draft {
    PresentLinks present;  // before
    bool may_create_links = true;
    bool complete = true;
    SteeringTable table;
    FaultLinks links;
    std::vector<Link> created;
  };

  StatusOr<PresentLinks> ListLinks();
  // plane.cc
  StatusOr<bool> RemoveStep(const std::string& id);
  Status Install(std::map<std::string, PlacedFault> faults, std::vector<std::string> order,
                 const std::string& cause, bool may_create_links = true);
  Status Verify(const SteeringTable& table);
  void IndexRules();
  void RetireUnused(const FaultLinks& wanted, const std::string& cause);
  void RetireCreated(const std::vector<Link>& created, const std::string& cause);
  Status TakeOut(const std::vector<std::string>& ids, const std::string& cause);
  StatusOr<bool> IsGone(const std::string& id);
  Status AdvanceRetiring(const std::string& id);
  std::set<std::string> WaitingForLinks() const;
  void Complete();
  Status Sweep();
  std::set<int> KnownLinks() const;

  // plane_observe.cc
  StatusOr<Look> LookAtKernel();
  Status CheckRules(const std::string& id, const Look& look) const;
  // Of the fault's rules; none: it has no rules.
  std::span<const Place> PlacesOf(const std::string& id) const;
  // Into which rules send the fault's packets.
  std::set<const FaultLinks::value_type*> LinksOf(const std::string& id) const;
  // OK, or what is not as it was made.
  static Status CheckLink(const Link& made, const PresentLinks& present);
  static Status CheckNetem(const FaultLink& made, const PresentNetem& present);
  static void AddNetemState(const Netem& netem, const NetemState& state, v1::NetworkEffect& effect);

  // The counter of dropped packets; no id begins with an underscore.
  static std::string DroppedCounter(const std::string& id) { return "_" + id; }

  // plane_draft.cc
  // FAILED_PRECONDITION when all interfaces of the fault `cause` are gone.
  Status BuildDraft(const std::map<std::string, PlacedFault>& faults,
                    const std::vector<std::string>& order, const std::string& cause, Draft& draft);
  // A rule without a link (link_index 0) could have none made and is left out.
  StatusOr<SteeringRule> BuildRule(const TrafficClass& traffic_class,
                                   std::span<const NetworkFault> faults, Draft& draft);
  StatusOr<int> LinkFor(const Members& members, const PacketEffect& effect, Draft& draft);
  StatusOr<FaultLink> MakeLink(const Members& members, const Netem* netem, Draft& draft);
  StatusOr<bool> CanUseNetem(const Netem& netem);
  uint32_t QueueLimit(const Netem& netem);

  Kernel& kernel_;
  const Clock& clock_;
  std::map<std::string, PlacedFault> faults_;
  std::set<std::string> placed_;
  std::vector<std::string> order_;  // ids in the order of injection
  FaultLinks links_;
  std::vector<RetiringLink> retiring_;
  RecentLook<std::set<std::string>> waiting_;  // faults that wait for `retiring_`; "": all do
  SteeringTable table_;
  std::map<std::string, std::vector<Place>> places_;  // of the rules of each fault, in both above
  bool table_verified_ = true;  // else the kernel may have other rules than `table_`
  std::vector<PacketMatch> protect_;
  unsigned next_link_ = 0;  // number in the next link's name
  uint64_t speed_bps_ = 0;  // of the fastest interface in use
  bool complete_ = true;    // else packets are left alone for want of a link
  bool clean_ = false;      // nothing of ours was seen in the kernel since the last change
  RecentLook<Look> look_;
  std::map<std::string, v1::NetworkEffect> earlier_;  // of links that are gone, per fault
};

}  // namespace faultd

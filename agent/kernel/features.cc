#include "kernel/features.h"

#include <sched.h>

#include <cerrno>
#include <thread>

#include "base/threads.h"
#include "kernel/flower_steering.h"
#include "kernel/links_linux.h"
#include "kernel/nft_steering.h"
#include "kernel/qdiscs_linux.h"

namespace faultd {
namespace {

// Both directions of one link, sent to another.
SteeringTable ProbeTable(const Link& from, const Link& to) {
  const SteeringRule rule{.match = {PacketMatch{AddressSet::All(Family::kIpv4)},
                                    PacketMatch{AddressSet::All(Family::kIpv6)}},
                          .link_index = to.index,
                          .counters = {"probe"}};
  SteeringTable table;
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    table.push_back({from.name, from.index, direction, {}, {rule}});
  }
  return table;
}

// Shares of packets and flows have modules of their own, which may be missing. Those that are there
// are loaded from now on: to read them at their first use, the loop would wait for a disk.
Status ProbeNft(const SteeringTable& table) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Steering> steering, OpenNftSteering());
  RETURN_IF_ERROR(steering->Apply(table));
  SteeringTable shares = table;
  for (SteeringChain& chain : shares) {
    for (SteeringRule& rule : chain.rules) {
      rule.share = 0.5;
      for (PacketMatch& match : rule.match) match.flows_percent = 50;
    }
  }
  steering->Apply(shares).IgnoreError();
  return absl::OkStatus();
}

Status ProbeFlower(const SteeringTable& table) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Steering> steering, OpenFlowerSteering());
  return steering->Apply(table);
}

Status ProbeNetem(const Link& link) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Qdiscs> qdiscs, OpenQdiscs());
  return qdiscs->SetNetem(link.index, Netem{});
}

// Makes the two links that the other features are tried on.
StatusOr<std::pair<Link, Link>> ProbeIfb() {
  ASSIGN_OR_RETURN(const std::unique_ptr<Links> links, OpenLinks());
  ASSIGN_OR_RETURN(Link first, links->CreateIfb("faultd0", true));
  ASSIGN_OR_RETURN(Link second, links->CreateIfb("faultd1", true));
  return std::pair(std::move(first), std::move(second));
}

NetworkFeatures AllMissing(const Status& why) { return {why, why, why, why}; }

NetworkFeatures ProbeInNewNamespace() {
  // The namespace, and all that is made in it, ends with the thread and its sockets.
  if (unshare(CLONE_NEWNET) != 0) {
    return AllMissing(ErrnoStatus(errno, "make a network namespace (needs CAP_SYS_ADMIN)"));
  }
  const auto links = ProbeIfb();
  if (!links.ok()) return AllMissing(links.status());
  const auto& [first, second] = *links;
  const SteeringTable table = ProbeTable(first, second);
  return {.ifb = absl::OkStatus(),
          .netem = ProbeNetem(second),
          .nftables = ProbeNft(table),
          .flower = ProbeFlower(table)};
}

}  // namespace

NetworkFeatures ProbeNetworkFeatures() {
  NetworkFeatures features;
  StatusOr<std::thread> thread = StartThread([&] { features = ProbeInNewNamespace(); });
  if (!thread.ok()) return AllMissing(thread.status());
  thread->join();
  return features;
}

}  // namespace faultd

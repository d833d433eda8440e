#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/status.h"
#include "kernel/netlink.h"
#include "kernel/steering.h"

// Reads what the kernel has under the name of our table.
namespace faultd::nft {

struct TableState {
  uint32_t owner = 0;  // netlink port of the socket that owns it; 0: nobody
};

// Nothing when there is no such table, or no nf_tables at all.
StatusOr<std::optional<TableState>> FindTable(NetlinkSocket& socket);

struct Chains {
  std::set<std::string> base;
  // With the number of rules that use each: its own, and those that lead to it (NFTA_CHAIN_USE).
  std::map<std::string, uint32_t> regular;
};
StatusOr<Chains> ReadChains(NetlinkSocket& socket);
// Which of these chains are there.
StatusOr<std::set<std::string>> FindChains(NetlinkSocket& socket, std::set<std::string> names);

StatusOr<std::map<std::string, PacketCounter>> ReadCounters(NetlinkSocket& socket);

}  // namespace faultd::nft

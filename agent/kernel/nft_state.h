#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

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

struct ChainNames {
  std::vector<std::string> base;
  std::vector<std::string> regular;
};
StatusOr<ChainNames> ReadChains(NetlinkSocket& socket);

// Number of rules that forward packets.
StatusOr<size_t> CountForwards(NetlinkSocket& socket);

StatusOr<std::map<std::string, PacketCounter>> ReadCounters(NetlinkSocket& socket);

}  // namespace faultd::nft
